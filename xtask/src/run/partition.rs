//! A part of a run: which instances it builds, so that the parts together
//! build each exactly once.
//!
//! Must not know: what is built of an instance.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The most parts. A job for each is more than any CI runs at once.
const COUNT_MAX: u32 = 10_000;

/// The `index`th of `count` parts, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Which one, 1 to `count`.
    pub index: u32,
    /// How many there are.
    pub count: u32,
}

impl Partition {
    /// Whether there is such a part: what a file says need not be so.
    pub fn is_possible(self) -> bool {
        (1..=COUNT_MAX).contains(&self.count) && (1..=self.count).contains(&self.index)
    }

    /// Whether this part builds what has this name. It depends on the name
    /// alone: an instance that is added or taken away moves no other one, so
    /// that what a CI keeps of a part stays of use.
    pub fn holds(self, name: &str) -> bool {
        let digest = Sha256::digest(name);
        let start = digest[..8].try_into().expect("a digest has 32 bytes");
        u64::from_be_bytes(start) % u64::from(self.count) == u64::from(self.index - 1)
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u32>().ok().filter(|_| digits)
        };
        let parts = text.split_once('/').and_then(|(index, count)| Some((number(index)?, number(count)?)));
        match parts {
            Some((index, count)) if (Self { index, count }).is_possible() => Ok(Self { index, count }),
            Some((0, _)) => Err("parts are counted from 1: the first of eight is 1/8".to_owned()),
            Some((index, count)) if index > count => {
                Err(format!("there is no part {index} of {count}; the last one is {count}/{count}"))
            }
            Some(_) => Err(format!("there can be {COUNT_MAX} parts at most")),
            None => Err("give which part of how many, as 3/8".to_owned()),
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_written_as_a_fraction() {
        assert_eq!("3/8".parse(), Ok(Partition { index: 3, count: 8 }));
        assert_eq!("1/1".parse(), Ok(Partition { index: 1, count: 1 }));
        for text in ["", "3", "/", "3/", "/8", "+3/8", "3/8/9", " 3/8", "0/8", "9/8", "1/0", "0/0", "1/10001"]
        {
            assert!(text.parse::<Partition>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn each_name_is_in_one_part_and_no_part_has_too_many() {
        let names: Vec<String> = (0..1000).map(|number| format!("vm{number}")).collect();
        let mut sizes = [0; 8];
        for name in &names {
            let holding: Vec<u32> =
                (1..=8).filter(|&index| Partition { index, count: 8 }.holds(name)).collect();
            let [index] = holding[..] else { panic!("{name} is in {holding:?}") };
            sizes[index as usize - 1] += 1;
        }
        assert!(sizes.iter().all(|size| (80..=170).contains(size)), "{sizes:?}");
        // Stays so in every version: what a CI kept must not be shuffled.
        assert!(Partition { index: 3, count: 8 }.holds("k3s"));
    }
}
