//! What is wrong with a scenario, shown on the line that is wrong.
//!
//! A problem names a place in a source text (the scenario file, a flag of the command line, a recording), says what is wrong
//! there, and what is accepted. All problems of a file are collected and shown together. Nothing here panics on any text.

use std::cell::RefCell;
use std::path::PathBuf;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::input::{plain, shown, shown_help};

/// Problems shown at most; the rest are counted.
const SHOWN_MAX: usize = 20;

/// A place in one of the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct At {
    /// Which text.
    pub source: u16,
    /// First byte.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub at: At,
}

impl<T> Located<T> {
    /// A value at a place.
    pub fn new(value: T, at: At) -> Located<T> {
        Located { value, at }
    }
}

/// A text in which problems are found.
#[derive(Debug, Clone)]
pub struct Source {
    /// What it is called: a path, or the flag.
    pub name: String,
    /// The text.
    pub text: String,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, in a line.
    pub title: String,
    /// Where; none where it is about a file as a whole.
    pub at: Option<At>,
    /// What is to be said about that place.
    pub label: String,
    /// Other places that matter, each with a word.
    pub also: Vec<(At, String)>,
    /// What was meant, what is accepted, where a rule comes from.
    pub help: Vec<String>,
}

impl Problem {
    /// A problem at a place.
    #[must_use]
    pub fn new(at: At, title: impl Into<String>, label: impl Into<String>) -> Problem {
        Problem {
            title: title.into(),
            at: Some(at),
            label: label.into(),
            also: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Adds a line of help; an empty one is left out.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Problem {
        let text = text.into();
        if !text.is_empty() {
            self.help.push(text);
        }
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn also(mut self, at: At, label: impl Into<String>) -> Problem {
        self.also.push((at, label.into()));
        self
    }
}

/// Whose fault it is: the input's (exit code 2) or the machine's (exit code 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// What the user gave is wrong.
    Input,
    /// Reading it failed.
    Machine,
}

/// A scenario that cannot be used, and why: all problems, drawn.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{rendered}")]
pub struct ScenarioError {
    /// All problems as text without colours.
    pub rendered: String,
    /// The same with colours.
    pub coloured: String,
    /// Whose fault.
    pub blame: Blame,
    /// The problems themselves.
    pub problems: Vec<Problem>,
}

impl ScenarioError {
    /// An error that has no text to point into.
    #[must_use]
    pub fn plain(blame: Blame, title: impl Into<String>) -> ScenarioError {
        let title = shown_help(&title.into()).into_owned();
        ScenarioError {
            rendered: format!("error: {title}"),
            coloured: format!("error: {title}"),
            blame,
            problems: vec![Problem {
                title,
                at: None,
                label: String::new(),
                also: Vec::new(),
                help: Vec::new(),
            }],
        }
    }
}

/// The texts of a scenario, and the problems found in them so far.
#[derive(Debug, Default)]
pub struct Diagnosis {
    sources: RefCell<Vec<Source>>,
    problems: RefCell<Vec<Problem>>,
    machine: RefCell<bool>,
}

impl Diagnosis {
    /// Adds a text.
    pub fn add(&self, name: impl Into<String>, text: impl Into<String>) -> u16 {
        let mut sources = self.sources.borrow_mut();
        sources.push(Source {
            name: plain(&name.into()).into_owned(),
            text: drawable(text.into()),
        });
        u16::try_from(sources.len() - 1).unwrap_or(u16::MAX)
    }

    /// Notes a problem.
    pub fn push(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// Notes that the machine failed, not the input.
    pub fn machine_failed(&self) {
        *self.machine.borrow_mut() = true;
    }

    /// Whether anything is wrong so far.
    #[must_use]
    pub fn failed(&self) -> bool {
        !self.problems.borrow().is_empty()
    }

    /// How many problems there are so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.problems.borrow().len()
    }

    /// The text at a place.
    #[must_use]
    pub fn text_at(&self, at: At) -> String {
        let sources = self.sources.borrow();
        sources
            .get(at.source as usize)
            .and_then(|source| source.text.get(at.start as usize..at.end as usize))
            .unwrap_or_default()
            .to_owned()
    }

    /// All problems, drawn; `Ok` where there are none.
    ///
    /// # Errors
    /// Where there is at least one problem.
    pub fn verdict(&self) -> Result<(), ScenarioError> {
        if !self.failed() {
            return Ok(());
        }
        let mut problems = self.problems.borrow().clone();
        problems.sort_by_key(|problem| problem.at.map(|at| (at.source, at.start)));
        problems.dedup();
        Err(ScenarioError {
            rendered: self.render(&problems, &Renderer::plain()),
            coloured: self.render(&problems, &Renderer::styled()),
            blame: if *self.machine.borrow() {
                Blame::Machine
            } else {
                Blame::Input
            },
            problems,
        })
    }

    fn render(&self, problems: &[Problem], renderer: &Renderer) -> String {
        let sources = self.sources.borrow();
        let mut text = problems
            .iter()
            .take(SHOWN_MAX)
            .map(|problem| draw(&sources, problem, renderer))
            .collect::<Vec<_>>()
            .join("\n\n");
        if problems.len() > SHOWN_MAX {
            text.push_str(&format!("\n\nand {} more problems", problems.len() - SHOWN_MAX));
        }
        text
    }
}

/// A text as it is drawn, each byte in its place. Control characters of ASCII are drawn as their symbols; those that terminals take for the
/// start of a sequence all the same (U+0080 to U+009F) become dots.
fn drawable(text: String) -> String {
    let control = |c: char| ('\u{80}'..='\u{9f}').contains(&c);
    if text.contains(control) {
        text.replace(control, "·")
    } else {
        text
    }
}

fn draw(sources: &[Source], problem: &Problem, renderer: &Renderer) -> String {
    let mut group = Group::with_title(Level::ERROR.primary_title(shown(&problem.title)));
    if let Some(at) = problem.at
        && let Some(source) = sources.get(at.source as usize)
    {
        let mut snippet = Snippet::source(source.text.as_str())
            .path(source.name.as_str())
            .annotation(
                AnnotationKind::Primary
                    .span(clip(&source.text, at))
                    .label(shown(&problem.label)),
            );
        for (other, label) in &problem.also {
            if other.source == at.source {
                snippet = snippet.annotation(
                    AnnotationKind::Context
                        .span(clip(&source.text, *other))
                        .label(shown(label)),
                );
            }
        }
        group = group.element(snippet);
    }
    for help in &problem.help {
        group = group.element(Level::HELP.message(shown_help(help)));
    }
    renderer.render(&[group])
}

/// The span inside the text, on borders of characters, and within one line where it would cover many.
fn clip(text: &str, at: At) -> std::ops::Range<usize> {
    let floor = |mut index: usize| {
        index = index.min(text.len());
        while !text.is_char_boundary(index) {
            index -= 1;
        }
        index
    };
    let start = floor(at.start as usize);
    let mut end = floor(at.end as usize).max(start);
    if let Some(line) = text[start..end].find('\n') {
        end = start + line;
    }
    start..end
}

/// The name among `known` that `word` was probably meant to be.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let wanted = plain(word);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count().min(wanted.chars().count()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean `x`?", or nothing.
#[must_use]
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known)
        .map(|name| format!("did you mean `{name}`?"))
        .unwrap_or_default()
}

/// A list of names for a help line, cut where it gets long.
#[must_use]
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const MAX: usize = 24;
    let names: Vec<&str> = names.into_iter().collect();
    let mut text = names
        .iter()
        .take(MAX)
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > MAX {
        text.push_str(&format!(" and {} more", names.len() - MAX));
    }
    text
}

/// Where a scenario's relative paths begin.
#[derive(Debug, Clone)]
pub struct Base(pub PathBuf);
