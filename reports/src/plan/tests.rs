//! The reports of a plan as a whole.

use std::collections::BTreeSet;
use std::fs;

use planning::sweep::Input;
use serde_json::Value;

use super::*;

/// Every figure in `plan.json` with its place.
fn walk(value: &Value, path: &str, found: &mut BTreeSet<(String, u64)>) {
    match value {
        Value::Object(map) if map.contains_key("origin") && map.contains_key("value") => {
            found.insert((path.to_owned(), map["value"].as_u64().unwrap()));
        }
        Value::Object(map) => map
            .iter()
            .for_each(|(key, value)| walk(value, &format!("{path}/{key}"), found)),
        Value::Array(list) => {
            let items = list.iter().enumerate();
            items.for_each(|(index, value)| walk(value, &format!("{path}/{index}"), found));
        }
        _ => {}
    }
}

fn document(plan: &Plan) -> Value {
    serde_json::from_slice(&json(plan).unwrap()).unwrap()
}

fn all() -> [Plan; 8] {
    [
        samples::three(),
        samples::grouped(),
        samples::found(),
        samples::asked(&[(Input::Era, &[201_706, 201_712, 2_019])]),
        samples::asked(&[
            (Input::ProcessServers, &[1, 2]),
            (Input::ProcessServerLost, &[0, 7_200]),
        ]),
        samples::fleet(60),
        samples::hostile(),
        samples::bare(),
    ]
}

#[test]
fn every_figure_has_a_name_and_an_origin_on_the_page() {
    for plan in all() {
        let mut walked = BTreeSet::new();
        walk(&document(&plan)["plan"], "", &mut walked);
        let named = figures::figures(&plan);
        let listed: BTreeSet<(String, u64)> = named.iter().map(|one| (one.path.clone(), one.figure.value)).collect();
        assert_eq!(listed, walked);
        assert_eq!(listed.len(), named.len());
        let page = html(&plan);
        let last = &page[page.find("<section id=\"figures\">").unwrap()..];
        for one in named {
            let origin = one
                .origin(&plan)
                .unwrap_or_else(|| panic!("{} has no origin", one.path));
            let escape = crate::chart::escape;
            let row = format!(
                "<td class=\"n\" title=\"{}\">{}</td>",
                one.kind.exact(one.figure.value),
                one.kind.human(one.figure.value)
            );
            let line = last.lines().find(|line| {
                line.contains(&format!("<td>{}</td>", one.path)) || line.contains(&format!(">{}<", one.path))
            });
            let line = line.unwrap_or_else(|| panic!("{} is not on the page", one.path));
            for said in [
                &row,
                &escape(origin.input),
                &escape(origin.formula),
                &escape(origin.source),
                &escape(&one.label),
            ] {
                assert!(line.contains(said.as_str()), "{said} in {line}");
            }
        }
    }
}

#[test]
fn a_figure_that_changes_changes_every_report() {
    let plan = samples::three();
    let mut walked = BTreeSet::new();
    walk(&document(&plan)["plan"], "", &mut walked);
    let reports = |plan: &Plan| (html(plan), comma::csv(tables::tables(plan).last().unwrap()).unwrap());
    let before = reports(&plan);
    let mut changed = plan.clone();
    changed.initial_copy.steady.value += 1;
    let after = reports(&changed);
    assert_ne!(before.0, after.0);
    assert_ne!(before.1, after.1);
    // And what is in a column only.
    let mut changed = plan.clone();
    changed.machines[1].memory_bytes += 1;
    assert_ne!(before.0, html(&changed));
    let mut changed = plan.clone();
    let given = changed.given.as_mut().unwrap();
    given.what_if.hours[40].delay_ms += 60_000;
    assert_ne!(before.0, html(&changed));
    let mut changed = plan;
    changed.cost.as_mut().unwrap().lines[1].micros_per_month += 1;
    assert_ne!(before.0, html(&changed));
}

#[test]
fn the_tables_are_those_that_are_named_and_written() {
    for plan in all() {
        let tables = tables::tables(&plan);
        let names: Vec<&str> = tables.iter().map(|table| table.name).collect();
        assert_eq!(names, tables::NAMES);
        for table in &tables {
            assert!(table.sheet.len() <= 31, "{}", table.sheet);
            assert!(
                LAYOUT.files.contains(&format!("{TABLES}/{}.csv", table.name).as_str()),
                "{}",
                table.name
            );
            for row in &table.rows {
                assert_eq!(row.len(), table.columns.len(), "{}", table.name);
            }
            for column in &table.columns {
                assert!(!column.about.is_empty(), "{}: {}", table.name, column.key);
            }
        }
        assert_eq!(LAYOUT.files.len(), tables.len() + 3);
    }
}

#[test]
fn a_plan_follows_its_schema_and_a_wrong_one_does_not() {
    let schema = schema();
    jsonschema::meta::validate(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for plan in all() {
        let document = document(&plan);
        let errors: Vec<String> = validator
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
    let good = document(&samples::three());
    type Wrong = (&'static str, fn(&mut Value));
    let wrong: [Wrong; 8] = [
        ("another version", |value| value["format"] = Value::from(FORMAT + 1)),
        ("a figure without its origin", |value| {
            value["plan"]["azure_cores"].as_object_mut().unwrap().remove("origin");
        }),
        ("a negative figure", |value| {
            value["plan"]["azure_cores"]["value"] = Value::from(-1)
        }),
        ("a fraction", |value| {
            value["plan"]["azure_cores"]["value"] = Value::from(1.5)
        }),
        ("a unit that nobody knows", |value| {
            value["plan"]["azure_cores"]["unit"] = Value::from("furlongs")
        }),
        ("a key that nobody knows", |value| {
            value["plan"]["surprise"] = Value::from(1)
        }),
        ("a machine without a name", |value| {
            value["plan"]["machines"][0]["name"] = Value::Null
        }),
        ("a day as text", |value| {
            value["plan"]["given"]["what_if"]["days"][0] = Value::from("Monday")
        }),
    ];
    for (what, change) in wrong {
        let mut value = good.clone();
        change(&mut value);
        assert!(!validator.is_valid(&value), "{what}");
    }
}

/// Elements that have no end.
const VOID: [&str; 4] = ["meta", "line", "input", "br"];

/// Whether each element that begins ends where it may; gives the elements of a name.
fn well_formed(page: &str) -> usize {
    let script = page.find("<script>").unwrap();
    let style = (page.find("<style>").unwrap(), page.find("</style>").unwrap());
    let mut open: Vec<&str> = Vec::new();
    let mut elements = 0;
    for (at, _) in page.match_indices('<') {
        if at >= script || (style.0 < at && at < style.1) || page[at..].starts_with("<!doctype") {
            continue;
        }
        let end = at + page[at..].find('>').unwrap();
        let tag = &page[at + 1..end];
        assert!(tag.matches('"').count().is_multiple_of(2), "{tag}");
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "at {}", &page[at.saturating_sub(200)..end]);
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
        elements += 1;
    }
    assert_eq!(open, ["html", "body"], "the script and the page's end follow");
    elements
}

#[test]
fn a_page_is_well_formed_and_needs_nothing_but_itself() {
    for plan in all()
        .into_iter()
        .filter(|plan| plan.machines.len() != samples::HOSTILE.len())
    {
        let page = html(&plan);
        assert!(well_formed(&page) > 300);
        for foreign in [
            "http:",
            "https:",
            "src=",
            "@import",
            "url(",
            "NaN",
            "18446744073709551615",
            "18,446,744,073,709,551,615",
        ] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert_eq!(page.matches("<script>").count(), 1);
        let text = &plan.answer.text;
        let (_, answer) = text.split_once(": ").or(text.split_once(". ")).unwrap();
        assert!(page.contains(&crate::chart::escape(&answer[1..])), "{answer}");
    }
    well_formed(&html(&samples::hostile()));
}

#[test]
fn an_input_that_is_moved_has_a_curve_of_each_outcome_that_it_moves() {
    let plan = samples::asked(&[(Input::Outage, &[0, 7_200, 14_400])]);
    let page = html(&plan);
    for id in ["what-if", "what-if-backlog", "what-if-catch-up"] {
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
    }
    // An outage moves no cost.
    assert!(!page.contains("id=\"what-if-cost\""));
    let priced = html(&samples::asked(&[(Input::Bandwidth, &[20_000_000, 900_000_000])]));
    for id in ["what-if-violations", "what-if-cost", "what-if-copy"] {
        assert!(priced.contains(&format!("id=\"{id}\"")), "{id}");
    }
    let eras = comma::csv(&tables::sweep::what_if(&samples::asked(&[(
        Input::Era,
        &[201_712, 2_019],
    )])))
    .unwrap();
    let eras = String::from_utf8(eras).unwrap();
    assert!(
        eras.starts_with("era,machines,") && eras.contains("\n2017-12,"),
        "{eras}"
    );
}

#[test]
fn a_value_that_was_found_is_in_every_report() {
    let plan = samples::found();
    let said = human(&plan).split_whitespace().collect::<Vec<_>>().join(" ");
    let answer = "21.0 Mbit/s is the smallest bandwidth with p99 RPO under 15 min: 15 min there, 16 min at 20.6 Mbit/s";
    assert!(
        said.contains(answer) && said.contains("it is not so throughout: see 42.0 Mbit/s"),
        "{said}"
    );
    let page = html(&plan);
    assert!(page.contains(answer) && page.contains("<section id=\"find\">"));
    let rows = String::from_utf8(comma::csv(&finding::table(&plan)).unwrap()).unwrap();
    assert!(
        rows.contains("20580000,901000,no,2 % beyond") && rows.contains("20000000,,no,"),
        "{rows}"
    );
    assert!(!human(&samples::three()).contains("Found"));
}

#[test]
fn a_fleet_stays_small_and_shows_its_first_rows() {
    let page = html(&samples::fleet(1_000));
    assert!(page.len() < 6 << 20, "{} bytes", page.len());
    assert!(page.contains("<tbody class=\"more\">") && page.contains("vm-0999"));
    let table = &page[page.find("<section id=\"compatible_machines\">").unwrap()..];
    let first = table[..table.find("<tbody class=\"more\">").unwrap()]
        .matches("<tr>")
        .count();
    assert_eq!(first, html::ROWS_FIRST + 1);
}

#[test]
fn a_hostile_name_stays_a_name() {
    let plan = samples::hostile();
    let page = html(&plan);
    assert_eq!(page.matches("<script>").count(), 1, "its own");
    assert!(page.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;more&#39;"));
    assert!(!page.contains('\u{1b}'));
    let text = human(&plan);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    assert!(
        text.contains("\u{fffd}[31mred") && text.contains("RPO without an end at its worst"),
        "{text}"
    );
    let names: Vec<String> = document(&plan)["plan"]["machines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|machine| machine["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, samples::HOSTILE);
}

#[test]
fn a_terminal_is_told_what_matters() {
    insta::assert_snapshot!("three", human(&samples::three()));
    insta::assert_snapshot!("bare", human(&samples::bare()));
    insta::assert_snapshot!("fleet", human(&samples::fleet(1_000)));
    for plan in all() {
        for line in human(&plan).lines() {
            assert!(
                line.chars().count() <= 80 || plan.machines.len() == samples::HOSTILE.len(),
                "{line}"
            );
        }
    }
}

#[test]
fn a_folder_is_written_once_and_whole() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("plan");
    let plan = samples::three();
    let directory = folder(&path, false, &[]).unwrap();
    let files = write(&directory, &plan).unwrap();
    drop(directory);
    let made = |name: &&&str| cfg!(feature = "spreadsheet") || **name != SPREADSHEET;
    let there: BTreeSet<PathBuf> = LAYOUT.files.iter().filter(made).map(|name| path.join(name)).collect();
    assert_eq!(files.iter().cloned().collect::<BTreeSet<_>>(), there);
    assert_eq!(files.last().unwrap(), &path.join(PLAN));
    assert!(files.iter().all(|file| fs::metadata(file).unwrap().len() > 0));
    // A complete plan is left alone, and replaced where that is forced; a file of somebody else stays.
    let taken = folder(&path, false, &[]).unwrap_err().to_string();
    assert!(taken.contains("holds a completed plan"), "{taken}");
    fs::write(path.join("mine.txt"), "mine").unwrap();
    write(&folder(&path, true, &[]).unwrap(), &plan).unwrap();
    let kept = root.path().join("plan.replaced-1");
    assert_eq!(fs::read_dir(&kept).unwrap().count(), 1, "mine.txt alone");
    // What did not end is moved aside.
    fs::remove_file(path.join(PLAN)).unwrap();
    let directory = folder(&path, false, &[]).unwrap();
    assert_eq!(
        directory.moved_aside(),
        Some(root.path().join("plan.partial-1").as_path())
    );
    drop(directory);
    // A run's folder is not a plan's, and what is read is not replaced.
    let run = root.path().join("run");
    drop(RunDirectory::named(&run, false, &[]).unwrap());
    let foreign = folder(&run, false, &[]).unwrap_err().to_string();
    assert!(foreign.contains("is not empty and not a plan directory"), "{foreign}");
    let own = root.path().join("own");
    fs::create_dir_all(own.join(TABLES)).unwrap();
    let input = own.join("tables/summary.csv");
    fs::write(&input, "x").unwrap();
    let held = folder(&own, true, std::slice::from_ref(&input)).unwrap_err();
    assert!(matches!(held, DirectoryError::HoldsInput { .. }), "{held}");
    assert!(input.exists());
}
