//! `[model]`: the era, and constants that the scenario has otherwise.

use actors::model::{CONSTANTS, Constant, Era, GROUPS, Model, Unit};

use crate::reader::{Bytes, Nanos, Reader, Share};
use crate::units::Rate;

/// Reads the table where there is one.
pub(super) fn read(file: &Reader<'_>) -> (Era, Model) {
    let Some(table) = file.table("model") else {
        return (Era::default(), Model::default());
    };
    let era: Era = table.word_or_default("era");
    let mut model = era.model();
    for (group, _) in GROUPS {
        let Some(table) = table.table(group) else { continue };
        for constant in CONSTANTS.iter().filter(|constant| constant.group == *group) {
            if let Some(value) = value(&table, constant) {
                (constant.set)(&mut model, value);
            }
        }
    }
    (era, model)
}

fn value(table: &Reader<'_>, constant: &Constant) -> Option<u64> {
    let name = constant.name;
    match constant.unit {
        Unit::Time => table.get::<Nanos>(name).map(|time| time.value.0),
        Unit::Size => table.get::<Bytes>(name).map(|size| size.value.0),
        Unit::BitRate => table.get::<Rate>(name).map(|rate| rate.value.bits_per_second()),
        Unit::ByteRate => table.get::<Rate>(name).map(|rate| rate.value.bytes_per_second()),
        Unit::Count => table.get::<u64>(name).map(|count| count.value),
        Unit::Share => table.get::<Share>(name).map(|share| u64::from(share.value.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::{At, Diagnosis};
    use crate::keys::{ROOT, written};
    use crate::tree;

    fn read_text(text: &str) -> (Era, Model, Diagnosis) {
        let diagnosis = Diagnosis::default();
        let source = diagnosis.add("scenario.toml".to_owned(), text);
        let root = tree::parse(&diagnosis, source, text);
        let (era, model) = read(&Reader::open(&diagnosis, &ROOT, &root, At::default()));
        (era, model, diagnosis)
    }

    #[test]
    fn every_constant_is_read_as_it_is_written() {
        for constant in CONSTANTS {
            for value in [
                *constant.range.start(),
                *constant.range.end(),
                (constant.get)(&Model::default()),
            ] {
                let text = written(constant.unit, value);
                let text = if constant.unit == Unit::Count {
                    text
                } else {
                    format!("\"{text}\"")
                };
                let text = format!("[model.{}]\n{} = {text}\n", constant.group, constant.name);
                let (_, model, diagnosis) = read_text(&text);
                assert!(
                    !diagnosis.failed(),
                    "{text}{:?}",
                    diagnosis.verdict().map_err(|error| error.rendered)
                );
                assert_eq!((constant.get)(&model), value, "{text}");
            }
        }
    }

    #[test]
    fn an_era_sets_what_is_documented_for_it_and_a_key_overrides_it() {
        let (era, model, diagnosis) =
            read_text("[model]\nera = \"2019 classic\"\n[model.limits]\ndata_disk = \"1 TiB\"\n");
        assert!(!diagnosis.failed());
        assert_eq!(era, Era::Classic2019);
        assert_eq!(model.limits.retention, Era::Classic2019.model().limits.retention);
        assert_eq!(model.limits.data_disk, 1 << 40);
    }

    #[test]
    fn what_is_wrong_is_told_with_what_is_accepted() {
        for (text, told) in [
            ("model = 3\n", "`[model]` is a table"),
            ("[model]\nera = \"2018\"\n", "2017 classic"),
            ("[model.agents]\n", "did you mean `agent`"),
            ("[model]\nagent = 3\n", "`[model.agent]` is a table"),
            ("[model.agent]\ncut_afetr = \"10 s\"\n", "did you mean `cut_after`"),
            ("[model.agent]\ncut_after = 10\n", "a duration is written like"),
            ("[model.agent]\ncut_after = \"0 s\"\n", "from 1 s to 1 h"),
            (
                "[model.process_server]\nthrottled_below = \"95 %\"\n",
                "from 0.1 % to 90 %",
            ),
        ] {
            let (.., diagnosis) = read_text(text);
            let error = diagnosis.verdict().expect_err(text).rendered;
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
