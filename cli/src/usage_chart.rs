//! The uses of a key as bars, a line for each day.

use std::fmt::Write as _;

use serde_json::Value;

/// The width of the longest bar.
const WIDTH: u64 = 40;

/// Draws the answer of the API about the usage of a key.
pub fn draw(usage: &Value) -> String {
    let count = |day: &Value| day["count"].as_u64().unwrap_or_default();
    let daily: Vec<&Value> = usage["daily"].as_array().into_iter().flatten().collect();
    let most = daily.iter().map(|day| count(day)).max().unwrap_or_default();
    let digits = most.to_string().len();
    let mut chart = format!(
        "Key {} was used {} times, last {}\n",
        usage["id"],
        usage["usage_count"],
        usage["last_used_at"].as_str().unwrap_or("never")
    );
    for day in daily {
        let date = day["date"].as_str().unwrap_or_default();
        // Any use shows.
        let length = (count(day) * WIDTH).div_ceil(most.max(1));
        let bar = "█".repeat(usize::try_from(length).unwrap_or_default());
        writeln!(chart, "{date}  {:>digits$}  {bar}", count(day)).expect("a text takes any text");
    }
    chart
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bars_are_as_long_as_uses_are_many() {
        let daily = json!([{"date": "2026-11-27", "count": 1}, {"date": "2026-11-28", "count": 400}]);
        let usage = json!({"id": 7, "usage_count": 401, "last_used_at": "2026-11-28T10:00:00Z", "daily": daily});
        let [title, first, second] =
            draw(&usage).lines().map(str::to_owned).collect::<Vec<_>>().try_into().expect("3 lines");
        assert_eq!(title, "Key 7 was used 401 times, last 2026-11-28T10:00:00Z");
        assert_eq!(first, "2026-11-27    1  █");
        assert_eq!(second, format!("2026-11-28  400  {}", "█".repeat(40)));
        let unused = json!({"id": 7, "usage_count": 0, "last_used_at": null, "daily": []});
        assert_eq!(draw(&unused), "Key 7 was used 0 times, last never\n");
    }
}
