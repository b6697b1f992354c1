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

/// Appends the last `WIDTH` digits of a number, with zeros before it.
pub(super) fn push_padded<const WIDTH: u32>(text: &mut String, number: u32) {
    let mut place = const { 10_u32.pow(WIDTH - 1) };
    while place > 0 {
        push_digit(text, (number / place).into());
        place /= 10;
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
        let mut text = String::new();
        push_padded::<2>(&mut text, 7);
        push_padded::<4>(&mut text, 2026);
        push_padded::<3>(&mut text, 12_345);
        assert_eq!(text, "072026345");
    }
}
