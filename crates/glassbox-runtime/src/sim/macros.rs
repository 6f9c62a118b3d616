//! What is said of several variables at once.

/// Inserts values for the inputs of the next step: `insert_executor!(executor, { x: tensor, tok: vec![42], step: 0 });`.
/// Names that are no Rust names stand in quotes. The first error leaves the function, as `?` does.
#[macro_export]
macro_rules! insert_executor {
    ($executor:expr, { $($name:tt : $value:expr),* $(,)? }) => {
        $($executor.insert($crate::__name!($name), $value)?;)*
    };
}

/// Inserts values for the inputs of the next step, as [`insert_executor!`] does, and gives a `Result`: after an
/// error the values that follow aren't inserted.
#[macro_export]
macro_rules! try_insert_executor {
    ($executor:expr, { $($name:tt : $value:expr),* $(,)? }) => {{
        let executor = &mut $executor;
        let mut inserted = ::std::result::Result::<(), $crate::RuntimeError>::Ok(());
        $(
            if inserted.is_ok() {
                inserted = executor.insert($crate::__name!($name), $value);
            }
        )*
        let _ = executor;
        inserted
    }};
}

/// Fetches variables: `fetch_executor!(executor, { h: Tensor, n: i32, v: Vec<f32> });` binds `h`, `n` and `v`. The first
/// error leaves the function, as `?` does.
#[macro_export]
macro_rules! fetch_executor {
    ($executor:expr, { $($name:ident : $type:ty),* $(,)? }) => {
        $(let $name: $type = $executor.fetch::<$type>($crate::__name!($name))?;)*
    };
}

/// Fetches variables, as [`fetch_executor!`] does, and gives a `Result` of them all: `(h, n, v)`.
#[macro_export]
macro_rules! try_fetch_executor {
    ($executor:expr, { $($name:ident : $type:ty),* $(,)? }) => {{
        let executor = &$executor;
        let fetch = || ::std::result::Result::<($($type,)*), $crate::RuntimeError>::Ok((
            $(executor.fetch::<$type>($crate::__name!($name))?,)*
        ));
        fetch()
    }};
}

/// The inputs of one step of a [`SimSession`](crate::SimSession): `inputs! { tok: vec![42], step: 0 }`.
#[macro_export]
macro_rules! inputs {
    ($($name:tt : $value:expr),* $(,)?) => {
        $crate::Inputs::new()$(.with($crate::__name!($name), $value))*
    };
}

/// The text of a name, in quotes or not.
#[doc(hidden)]
#[macro_export]
macro_rules! __name {
    ($name:ident) => {
        stringify!($name)
    };
    ($name:literal) => {
        $name
    };
}
