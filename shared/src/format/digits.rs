//! Decimal text without `fmt`, which is slower: a list of 1,000 keys has tens of thousands of digits.

/// Appends a number.
pub(super) fn push_number(text: &mut String, number: u64) {
    text.push_str(itoa::Buffer::new().format(number));
}

/// Appends the last `WIDTH` digits of a number, with leading zeros.
pub(super) fn push_padded<const WIDTH: u32>(text: &mut String, number: u32) {
    let mut place = const { 10_u32.pow(WIDTH - 1) };
    while place > 0 {
        let digit = u8::try_from(number / place % 10).unwrap_or_default();
        text.push(char::from(b'0' + digit));
        place /= 10;
    }
}

/// The text of a number.
pub(super) fn decimal(number: u64) -> String {
    itoa::Buffer::new().format(number).to_owned()
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
        let mut text = String::new();
        push_padded::<2>(&mut text, 7);
        push_padded::<4>(&mut text, 2026);
        push_padded::<3>(&mut text, 12_345);
        assert_eq!(text, "072026345");
    }
}
