//! Numbers as decimal text, without the detour over `fmt`: a list of 1,000 keys has tens of thousands of digits.

/// Appends a number.
pub(super) fn push_number(text: &mut String, number: u64) {
    let mut place = 1;
    while number / place >= 10 {
        place *= 10;
    }
    while place > 0 {
        push_digit(text, number / place);
        place /= 10;
    }
}

/// Appends the last `width` digits of a number, with zeros before it.
pub(super) fn push_padded(text: &mut String, number: u32, width: u32) {
    for place in (0..width).rev() {
        push_digit(text, (number / 10_u32.saturating_pow(place)).into());
    }
}

/// The text of a number.
pub(super) fn decimal(number: u64) -> String {
    let mut text = String::with_capacity(20);
    push_number(&mut text, number);
    text
}

fn push_digit(text: &mut String, number: u64) {
    text.push(char::from(b'0' + u8::try_from(number % 10).unwrap_or_default()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_fmt_does() {
        let mut numbers = vec![0, u64::MAX];
        numbers.extend((0..20).flat_map(|exponent| {
            let power = 10_u64.pow(exponent);
            [power - 1, power, power + 1]
        }));
        for number in numbers {
            assert_eq!(decimal(number), number.to_string());
        }
    }

    #[test]
    fn padding_keeps_the_width() {
        let padded = |number, width| {
            let mut text = String::new();
            push_padded(&mut text, number, width);
            text
        };
        assert_eq!(padded(7, 2), "07");
        assert_eq!(padded(2026, 4), "2026");
        assert_eq!(padded(12_345, 3), "345");
    }
}
