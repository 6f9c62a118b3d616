//! Memory that begins at a cache line and lies in huge pages where it is large, and memory that a thread keeps between
//! runs, so that a run allocates nothing once it is warm.

use std::cell::RefCell;

use memmap2::MmapMut;

/// A cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

const LINE: usize = 16;

/// The size of a huge page, in numbers. From it on memory is mapped by itself, and Linux is asked for huge pages: weights
/// are read from one end to the other, and translating addresses is a part of what that costs.
const HUGE_PAGE: usize = (2 << 20) / size_of::<f32>();

/// Numbers of which the first begins a cache line: a vector that lies in two lines takes two loads.
#[derive(Debug)]
pub(super) struct Aligned(Place);

#[derive(Debug)]
enum Place {
    Allocated(Vec<Line>),
    /// Numbers from the first huge page of a mapping on. The pages before it are never touched, so they take no memory.
    Mapped {
        mapping: MmapMut,
        first: usize,
        length: usize,
    },
}

impl Aligned {
    /// At least `length` zeros.
    pub(super) fn zeros(length: usize) -> Aligned {
        let mapped = (length >= HUGE_PAGE).then(|| Place::mapped(length)).flatten();
        Aligned(mapped.unwrap_or_else(|| Place::Allocated(vec![Line([0.0; LINE]); length.div_ceil(LINE)])))
    }

    /// The numbers.
    pub(super) fn numbers(&self) -> &[f32] {
        match &self.0 {
            // SAFETY: a line is an array of as many f32, without padding.
            Place::Allocated(lines) => unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * LINE) },
            Place::Mapped { mapping, first, length } => {
                // SAFETY: the mapping has so many bytes from this one on, which begins a page, and all are f32.
                unsafe { std::slice::from_raw_parts(mapping.as_ptr().add(*first).cast(), *length) }
            }
        }
    }

    /// The numbers.
    pub(super) fn numbers_mut(&mut self) -> &mut [f32] {
        match &mut self.0 {
            Place::Allocated(lines) => {
                let length = lines.len() * LINE;
                // SAFETY: a line is an array of as many f32, without padding.
                unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), length) }
            }
            Place::Mapped { mapping, first, length } => {
                // SAFETY: the mapping has so many bytes from this one on, which begins a page, and all are f32.
                unsafe { std::slice::from_raw_parts_mut(mapping.as_mut_ptr().add(*first).cast(), *length) }
            }
        }
    }
}

impl Place {
    /// A mapping of `length` zeros, if it is to be had.
    fn mapped(length: usize) -> Option<Place> {
        let bytes = length.checked_mul(size_of::<f32>())?.checked_add(HUGE_PAGE * size_of::<f32>())?;
        let mapping = MmapMut::map_anon(bytes).ok()?;
        #[cfg(target_os = "linux")]
        // Without huge pages all is the same, only slower.
        let _ = mapping.advise(memmap2::Advice::HugePage);
        let first = mapping.as_ptr().align_offset(HUGE_PAGE * size_of::<f32>());
        (first <= HUGE_PAGE * size_of::<f32>()).then_some(Place::Mapped { mapping, first, length })
    }
}

thread_local! {
    // What isn't in use; work may ask for more while it has some.
    static NUMBERS: RefCell<Vec<Aligned>> = const { RefCell::new(Vec::new()) };
    static OFFSETS: RefCell<Vec<Vec<isize>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with `length` numbers of any value, that begin at a cache line.
pub(super) fn with_numbers<T>(length: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
    let mut numbers = NUMBERS.with_borrow_mut(Vec::pop).unwrap_or_else(|| Aligned::zeros(0));
    if numbers.numbers().len() < length {
        numbers = Aligned::zeros(length);
    }
    let result = work(&mut numbers.numbers_mut()[..length]);
    NUMBERS.with_borrow_mut(|unused| unused.push(numbers));
    result
}

/// Calls `work` with `length` offsets of any value.
pub(super) fn with_offsets<T>(length: usize, work: impl FnOnce(&mut [isize]) -> T) -> T {
    let mut offsets = OFFSETS.with_borrow_mut(Vec::pop).unwrap_or_default();
    if offsets.len() < length {
        offsets.resize(length, 0);
    }
    let result = work(&mut offsets[..length]);
    OFFSETS.with_borrow_mut(|unused| unused.push(offsets));
    result
}
