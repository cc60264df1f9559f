//! Any text as each of the small things that are read from text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use widefield_behaviour::table::Table;
use widefield_behaviour::{
    Correct, DateOrder, Decision, Event, Outcome, condition, format_date_time, parse_date_time, text,
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
        assert_eq!(Event::from_text(source), Event::Decision(decision));
    }
    let _ = source.parse::<Correct>();
    let _ = source.parse::<Outcome>();
    match Table::parse(source) {
        Ok(table) => assert!(table.rows().windows(2).all(|pair| pair[0].line < pair[1].line)),
        Err(fault) => assert!(fault.to_string().len() < 4000),
    }
    let _ = condition(source);
    let _ = text::read_trial_list(source);
    let _ = text::read_performance(source);
});
