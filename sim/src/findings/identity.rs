//! What findings have in common.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::law::{Law, Violation};

/// The name of a law. Made of a [`Law`] only, or read from a record, which may be one of another version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LawName(Cow<'static, str>);

/// The way in which a law is broken: a short code that says nothing of this one run. Made of a [`Violation`] only, or read from a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shape(Cow<'static, str>);

impl LawName {
    /// A law's.
    #[must_use]
    pub fn of(law: &Law) -> LawName {
        LawName(Cow::Borrowed(law.name))
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Shape {
    /// A violation's.
    #[must_use]
    pub fn of(violation: &impl Violation) -> Shape {
        Shape(Cow::Borrowed(violation.shape()))
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LawName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<Law> for LawName {
    fn eq(&self, law: &Law) -> bool {
        self.0 == law.name
    }
}

/// Law, kind of component and shape: findings with the same identity are the same thing, found again. As text
/// `points-in-order/vm/processed-twice`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Identity {
    law: LawName,
    component: Cow<'static, str>,
    shape: Shape,
}

impl Identity {
    pub(super) fn new(law: &LawName, component: &'static str, shape: &Shape) -> Identity {
        Identity {
            law: law.clone(),
            component: Cow::Borrowed(component),
            shape: shape.clone(),
        }
    }

    /// The law.
    #[must_use]
    pub fn law(&self) -> &LawName {
        &self.law
    }

    /// The kind of component.
    #[must_use]
    pub fn component(&self) -> &str {
        &self.component
    }

    /// The shape.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.law, self.component, self.shape)
    }
}

impl From<Identity> for String {
    fn from(identity: Identity) -> String {
        identity.to_string()
    }
}

/// A text that is no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no identity of a finding: it should read law/component/shape")]
pub struct NoIdentity(String);

impl TryFrom<String> for Identity {
    type Error = NoIdentity;

    fn try_from(text: String) -> Result<Identity, NoIdentity> {
        text.parse()
    }
}

impl std::str::FromStr for Identity {
    type Err = NoIdentity;

    fn from_str(text: &str) -> Result<Identity, NoIdentity> {
        let parts: Vec<&str> = text.split('/').collect();
        let [law, component, shape] = parts[..] else {
            return Err(NoIdentity(text.to_owned()));
        };
        if [law, component, shape].contains(&"") {
            return Err(NoIdentity(text.to_owned()));
        }
        let own = |part: &str| Cow::Owned(part.to_owned());
        Ok(Identity {
            law: LawName(own(law)),
            component: own(component),
            shape: Shape(own(shape)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_read_as_it_is_written() {
        let text = "points-in-order/vm/processed-twice";
        let identity: Identity = text.parse().expect("an identity");
        assert_eq!(identity.to_string(), text);
        assert_eq!(identity.component(), "vm");
        for wrong in ["", "a/b", "a/b/c/d", "a//c"] {
            assert!(wrong.parse::<Identity>().is_err(), "{wrong}");
        }
    }
}
