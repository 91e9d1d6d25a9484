//! Message types that stand for single values: timestamps, dates, times, decimals.

use super::cursor::{Cursor, SIZED, VARINT};
use super::stop::{Result, Stop};

const DAY_MICROS: i64 = 86_400_000_000;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: i64 = 719_468;

/// The numbers of a message whose fields 1 to N are varints; 0 where there is none.
fn numbers<const N: usize>(mut content: Cursor<'_>) -> Result<[u64; N]> {
    let mut found = [None; N];
    while !content.is_empty() {
        let (number, wire) = content.tag()?;
        match found.get_mut(number as usize - 1) {
            Some(place) if wire == VARINT && place.is_none() => *place = Some(content.varint()?),
            Some(_) => return Err(Stop::Left),
            None => content.skip(wire)?,
        }
    }
    Ok(found.map(Option::unwrap_or_default))
}

/// Microseconds since 1970 of a `google.protobuf.Timestamp`.
pub fn micros(content: Cursor<'_>) -> Result<i64> {
    let [seconds, nanos] = numbers(content)?;
    let micros = i64::from(nanos as i32).div_euclid(1000);
    (seconds as i64).checked_mul(1_000_000).and_then(|seconds| seconds.checked_add(micros)).ok_or(Stop::Left)
}

/// Days since 1970 of a `google.type.Date`.
pub fn days(content: Cursor<'_>) -> Result<i32> {
    let [year, month, day] = numbers(content)?.map(|number| i64::from(number as i32));
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=last_day(year, month)).contains(&day) {
        return Err(Stop::Left);
    }
    let years = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (years.div_euclid(400), years.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Ok((era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH) as i32)
}

fn last_day(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Year, month and day of a day since 1970; None outside the years 1 to 9999.
pub fn date(days: i32) -> Option<[i64; 3]> {
    let days = i64::from(days) + EPOCH;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (1..=9999).contains(&year).then_some([year, month, day])
}

/// Microseconds since midnight of a `google.type.TimeOfDay`.
pub fn time(content: Cursor<'_>) -> Result<i64> {
    let [hours, minutes, seconds, nanos] = numbers(content)?.map(|number| i64::from(number as i32));
    let micros = (hours * 3600 + minutes * 60 + seconds) * 1_000_000 + nanos.div_euclid(1000);
    if (0..DAY_MICROS).contains(&micros) { Ok(micros) } else { Err(Stop::Left) }
}

/// Big-endian unscaled number and scale of a `confluent.type.Decimal`.
pub fn decimal(mut content: Cursor<'_>) -> Result<(&[u8], i32)> {
    let (mut value, mut scale, mut precision) = (None, None, false);
    while !content.is_empty() {
        match content.tag()? {
            (1, SIZED) if value.is_none() => value = Some(content.sized()?.rest()),
            (2, VARINT) if !precision => {
                content.varint()?;
                precision = true;
            }
            (3, VARINT) if scale.is_none() => scale = Some(content.varint()? as i32),
            (1..=3, _) => return Err(Stop::Left),
            (_, wire) => content.skip(wire)?,
        }
    }
    Ok((value.unwrap_or_default(), scale.unwrap_or_default()))
}

/// A decimal's text without an exponent.
pub fn text(unscaled: i128, scale: usize) -> String {
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let (sign, point) = (if unscaled < 0 { "-" } else { "" }, if fraction.is_empty() { "" } else { "." });
    format!("{sign}{whole}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::super::number::put_varint;
    use super::*;

    #[test]
    fn days_and_dates_agree() {
        for day in (-719_162..=2_932_896).step_by(97).chain([-719_162, 2_932_896, 0, -1, 11_016]) {
            let mut message = Vec::new();
            for (number, part) in date(day).unwrap().into_iter().enumerate() {
                message.push(((number as u8 + 1) << 3) | VARINT);
                put_varint(part as u64, &mut message);
            }
            assert_eq!(days(Cursor::new(&message)), Ok(day));
        }
        assert_eq!(date(11_016), Some([2000, 2, 29]));
        assert_eq!((date(-719_163), date(2_932_897)), (None, None));
    }

    #[test]
    fn days_that_are_none() {
        for [year, month, day] in [[2001, 2, 29], [2000, 0, 1], [2000, 13, 1], [0, 1, 1], [2000, 4, 31], [2000, 1, 0]] {
            let mut message = Vec::new();
            for (tag, part) in [(0x08, year), (0x10, month), (0x18, day)] {
                message.push(tag);
                put_varint(part, &mut message);
            }
            assert_eq!(days(Cursor::new(&message)), Err(Stop::Left));
        }
    }

    #[test]
    fn decimals_as_text() {
        assert_eq!(text(-5, 2), "-0.05");
        assert_eq!(text(1234, 0), "1234");
        assert_eq!(text(i128::MIN, 1), "-17014118346046923173168730371588410572.8");
    }
}
