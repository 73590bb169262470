//! What moves an answer most, as bars on one scale.

use std::fmt::Write as _;

use planning::plan::Plan;
use planning::tornado::{Bar, Outcome};

use crate::chart::escape;
use crate::plan::figures::rpo;
use crate::plan::sensitivity::{meaning, name, said, value, what};

/// Bars of a chart; the table has all.
const BARS_MAX: usize = 10;
/// The answers that are drawn, each with the name of its figure.
const DRAWN: [(Outcome, &str); 3] = [
    (Outcome::Rpo, "tornado"),
    (Outcome::Needed, "tornado-bandwidth"),
    (Outcome::Recovery, "tornado-recovery"),
];
/// The narrowest bar, in thousandths of the way.
const NARROWEST: u128 = 3;

/// A chart for each answer that something moves.
pub(super) fn sections(out: &mut String, plan: &Plan) {
    for (outcome, id) in DRAWN {
        let bars = plan.tornado.sorted(outcome);
        if !bars.is_empty() {
            section(out, plan, (outcome, id), &bars);
        }
    }
}

/// A bar for each input: from the answer at one value to that at the other, with a line where it is now, or at the RPO wanted.
fn section(out: &mut String, plan: &Plan, (outcome, id): (Outcome, &str), bars: &[&Bar]) {
    let wanted = u64::from(plan.rpo_seconds) * 1_000;
    let here = plan.tornado.here.of(outcome);
    let (line, mark) = match outcome {
        Outcome::Rpo => (format!("the RPO wanted, {}", rpo(plan.rpo_seconds)), Some(wanted)),
        _ => (format!("what it is here, {}", said(outcome, here)), here),
    };
    let drawn = &bars[..bars.len().min(BARS_MAX)];
    let ends = drawn
        .iter()
        .flat_map(|bar| [bar.at_low.of(outcome), bar.at_high.of(outcome)]);
    let most = ends.flatten().chain(mark).chain(here).max().unwrap_or(1).max(1);
    let share = |value: u64| (u128::from(value) * 1_000 / u128::from(most)).min(1_000);
    let per_cent = |thousandths: u128| format!("{}.{}%", thousandths / 10, thousandths % 10);
    let _ = writeln!(
        out,
        "<figure id=\"{id}\"><figcaption><h3>What moves the {} most</h3><p>One input or constant moved at a time; {} of {} are drawn, \
         <a href=\"#sensitivity\">all are in the table</a>. The line is {}.</p></figcaption><div class=\"tornado\">",
        escape(name(outcome)),
        drawn.len(),
        bars.len(),
        escape(&line)
    );
    for bar in drawn {
        // Where there is no end the bar goes to the end of the way.
        let [low, high] = [&bar.at_low, &bar.at_high].map(|end| end.of(outcome));
        let all = [low, high, here].map(|end| end.unwrap_or(most));
        let (from, to) = (
            share(all[0].min(all[1]).min(all[2])),
            share(all[0].max(all[1]).max(all[2])),
        );
        let from = from.min(1_000 - NARROWEST);
        let _ = write!(
            out,
            "<div class=\"name\" title=\"{}\">{}</div><div class=\"way\"><span class=\"from-to\" style=\"left:{};width:{}\"></span>",
            escape(meaning(plan, bar)),
            escape(what(bar)),
            per_cent(from),
            per_cent((to - from).max(NARROWEST)),
        );
        if let Some(mark) = mark {
            let _ = write!(
                out,
                "<span class=\"wanted\" style=\"left:{}\"></span>",
                per_cent(share(mark))
            );
        }
        let _ = writeln!(
            out,
            "</div><div class=\"ends\">{}: {}; {}: {}</div>",
            escape(&value(plan, bar, bar.low)),
            escape(&said(outcome, low)),
            escape(&value(plan, bar, bar.high)),
            escape(&said(outcome, high)),
        );
    }
    out.push_str("</div></figure>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::samples;

    #[test]
    fn the_most_are_drawn_in_order_and_all_widths_lie_on_the_way() {
        let plan = samples::three();
        let mut out = String::new();
        sections(&mut out, &plan);
        for (outcome, id) in DRAWN {
            let from = out.find(&format!("<figure id=\"{id}\">")).unwrap();
            let part = &out[from..out[from..].find("</figure>").unwrap() + from];
            let names: Vec<&str> = part
                .match_indices("<div class=\"name\"")
                .map(|(at, _)| part[at..].split(['>', '<']).nth(2).unwrap())
                .collect();
            let expected: Vec<&str> = plan
                .tornado
                .sorted(outcome)
                .iter()
                .take(BARS_MAX)
                .map(|bar| what(bar))
                .collect();
            assert_eq!(names, expected, "{id}");
            for style in part.split("from-to\" style=\"left:").skip(1) {
                let (left, rest) = style.split_once("%;width:").unwrap();
                let width = rest.split_once('%').unwrap().0;
                let sum = left.parse::<f64>().unwrap() + width.parse::<f64>().unwrap();
                assert!(sum <= 100.01, "{left} and {width}");
            }
        }
        let mut plan = samples::three();
        plan.tornado.bars.clear();
        let mut none = String::new();
        sections(&mut none, &plan);
        assert_eq!(none, "");
    }
}
