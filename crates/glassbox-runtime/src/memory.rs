//! What a session remembers of the tokens that it has seen, so that a prompt that begins alike need not
//! be read again.

use glassbox_exec::Session;

use crate::error::RuntimeError;

/// The tokens whose keys and values the states of a session hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    tokens: Vec<u32>,
}

impl Memory {
    /// Brings the states to the longest beginning of `prompt` that they hold, at least one token short of
    /// the whole: how many tokens need not be read again.
    ///
    /// States that grow with the tokens are cut. A model with any other state can't go back, so it begins
    /// anew unless everything that it remembers is a beginning of the prompt.
    pub(crate) fn rewind(&mut self, session: &mut dyn Session, prompt: &[u32]) -> Result<usize, RuntimeError> {
        let most = prompt.len().saturating_sub(1);
        let common = self.tokens.iter().zip(&prompt[..most]).take_while(|(a, b)| a == b).count();
        if common == self.tokens.len() {
            return Ok(common);
        }
        // Should cutting fail half-way, nothing is remembered.
        self.tokens.truncate(common);
        let growing: Option<Vec<(String, usize)>> = session
            .graph()
            .states()
            .iter()
            .map(|state| {
                let axis = state.ty.dims()?.iter().position(|dim| dim.as_int().is_none())?;
                Some((state.name.clone(), axis))
            })
            .collect();
        let Some(growing) = growing.filter(|_| common > 0) else {
            self.tokens.clear();
            session.states_mut().reset()?;
            return Ok(0);
        };
        for (name, axis) in growing {
            session.states_mut().truncate(&name, axis, common)?;
        }
        Ok(common)
    }

    /// How many tokens the states hold.
    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The session has read `tokens` since.
    pub(crate) fn extend(&mut self, tokens: impl IntoIterator<Item = u32>) {
        self.tokens.extend(tokens);
    }
}
