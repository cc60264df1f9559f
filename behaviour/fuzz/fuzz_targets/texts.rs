//! Any text as each of the small things that are read from text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use widefield_behaviour::{
    Correct, DateOrder, Decision, Event, condition, format_date_time, parse_date_time, text,
};

fuzz_target!(|source: &str| {
    for order in [DateOrder::DayFirst, DateOrder::MonthFirst] {
        if let Ok(time) = parse_date_time(source, order) {
            assert!(source.contains(&format!("{:04}", time.year())));
            // Written, it is read alike in either order, but for what is finer than a microsecond.
            let again = parse_date_time(&format_date_time(time), order).expect("just written");
            assert_eq!(format_date_time(again), format_date_time(time));
        }
    }
    if let Ok(decision) = source.parse::<Decision>() {
        assert_eq!(Event::of(source), Event::Decision(decision));
    }
    let _ = source.parse::<Correct>();
    let _ = condition(source);
    let _ = text::read_trial_list(source);
    let _ = text::read_performance(source);
});
