//! Looks for short strings ("grams") at every n-th byte of a buffer.

/// One gram: where in which literal it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gram {
    /// The bytes as [`word`] reads them, masked to the width of the lane.
    pub(super) word: u32,
    /// The literal, by index.
    pub(super) literal: u32,
    /// Its place in the literal.
    pub(super) offset: u32,
}

/// How many bits of the hash select a byte of the filter; three more select the bit.
const FILTER_BITS: u32 = 14;
const FILTER_BYTES: usize = 1 << FILTER_BITS;

/// How many bytes are tested before the first branch.
const BLOCK: usize = 32;

/// All grams that are looked for with one stride.
pub(super) struct Lane {
    mask: u32,
    /// A bit is set if a gram has that hash. Fits into the first-level cache.
    filter: Box<[u8; FILTER_BYTES]>,
    /// By the upper bits of the hash: one behind the index of the first gram that has them; 0 if there is none.
    first: Box<[u32; FILTER_BYTES]>,
    /// Sorted by hash.
    grams: Vec<Gram>,
}

/// The four bytes at `at`, with the bit set in which the two cases of a letter differ. Behind the end are zeros.
pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    let rest = bytes.get(at..).unwrap_or_default();
    let four = rest.first_chunk().copied().unwrap_or_else(|| {
        let mut four = [0; 4];
        four.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        four
    });
    u32::from_le_bytes(four) | 0x2020_2020
}

/// The mask of a gram that is `width` bytes wide (at most 4).
pub(super) fn mask(width: usize) -> u32 {
    u32::MAX >> (32 - 8 * width.clamp(1, 4))
}

/// Multiplicative hashing (Knuth, The Art of Computer Programming, volume 3, section 6.4).
fn hash(word: u32) -> u32 {
    word.wrapping_mul(0x9E37_79B1)
}

fn cell(hash: u32) -> usize {
    (hash >> (32 - FILTER_BITS)) as usize
}

fn bit(hash: u32) -> u32 {
    (hash >> (32 - FILTER_BITS - 3)) & 7
}

impl Lane {
    /// A lane over `grams`, all of them of the width that `mask` tells.
    pub(super) fn new(mut grams: Vec<Gram>, mask: u32) -> Self {
        let mut filter = Box::new([0; FILTER_BYTES]);
        let mut first = Box::new([0; FILTER_BYTES]);
        grams.sort_by_key(|gram| hash(gram.word));
        for (index, gram) in (1..).zip(&grams) {
            let hash = hash(gram.word);
            filter[cell(hash)] |= 1 << bit(hash);
            let first = &mut first[cell(hash)];
            if *first == 0 {
                *first = index;
            }
        }
        Self {
            mask,
            filter,
            first,
            grams,
        }
    }

    /// Calls `found` with every multiple of `STRIDE` at which a gram stands in `buffer`, and the gram.
    pub(super) fn scan<const STRIDE: usize>(
        &self,
        buffer: &[u8],
        mut found: impl FnMut(usize, &Gram),
    ) {
        let mut at = 0;
        while let Some(Ok(block)) = buffer
            .get(at..at + BLOCK + 4)
            .map(<&[u8; BLOCK + 4]>::try_from)
        {
            let mut hits = 0;
            let mut inner = 0;
            while inner < BLOCK {
                let four = [
                    block[inner],
                    block[inner + 1],
                    block[inner + 2],
                    block[inner + 3],
                ];
                hits |= self.test(u32::from_le_bytes(four) | 0x2020_2020);
                inner += STRIDE;
            }
            if hits & 1 != 0 {
                self.look::<STRIDE>(buffer, at..at + BLOCK, &mut found);
            }
            at += BLOCK;
        }
        self.look::<STRIDE>(buffer, at..buffer.len(), &mut found);
    }

    /// Bit 0 tells whether a gram may be `word`; the other bits mean nothing.
    #[inline(always)]
    fn test(&self, word: u32) -> u8 {
        let hash = hash(word & self.mask);
        self.filter[cell(hash)] >> bit(hash)
    }

    fn look<const STRIDE: usize>(
        &self,
        buffer: &[u8],
        range: std::ops::Range<usize>,
        found: &mut impl FnMut(usize, &Gram),
    ) {
        for at in range.step_by(STRIDE) {
            let word = word(buffer, at) & self.mask;
            if self.test(word) & 1 != 0 {
                self.grams_of(word).for_each(|gram| found(at, gram));
            }
        }
    }

    fn grams_of(&self, word: u32) -> impl Iterator<Item = &Gram> {
        let cell_of_word = cell(hash(word));
        let first = (self.first[cell_of_word] as usize).wrapping_sub(1);
        let grams = self.grams.get(first..).unwrap_or_default();
        grams
            .iter()
            .take_while(move |gram| cell(hash(gram.word)) == cell_of_word)
            .filter(move |gram| gram.word == word)
    }
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane")
            .field("grams", &self.grams.len())
            .finish_non_exhaustive()
    }
}
