//! Laws, and how a law's file says in which shapes it can be broken.

use super::component::Component;
use super::figure::Evidence;

/// What must hold: its name in findings and reports, what it says, and the shapes in which it can be broken. Made by [`crate::law!`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Law {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub statement: &'static str,
    /// The codes of its shapes.
    pub shapes: &'static [&'static str],
}

/// A law that is broken in one of its shapes, with the evidence. [`crate::law!`] makes a type of them for each law.
pub trait Violation {
    /// The law.
    const LAW: Law;

    /// The code of the shape: one of the law's.
    fn shape(&self) -> &'static str;

    /// What it concerns, where the evidence says it.
    fn component(&self) -> Option<Component>;

    /// The figures.
    fn evidence(&self) -> Evidence;

    /// The figures in words.
    fn text(&self) -> String;
}

/// Declares a law in a module of its own: `LAW`, and the enum `Broken` of the shapes in which it can be broken.
///
/// A shape is `Name of component { figure: Type, … } => "words with {figure}", more;`. Its code is its name in kebab case: to rename it makes
/// another identity of it. Its fields are the evidence ([`crate::findings::Evident`]), and its words are made of them alone. `of component` names the field
/// that is the component it concerns; without, whoever looked says that.
#[macro_export]
macro_rules! law {
    (
        $name:expr, $statement:literal;
        $(
            $shape:ident $(of $component:ident)? { $($figure:ident: $type:ty),* $(,)? } => $words:literal $(, $argument:expr)*;
        )+
    ) => {
        /// The law.
        pub const LAW: $crate::findings::Law = $crate::findings::Law {
            name: $name,
            statement: $statement,
            shapes: <Broken as ::strum::VariantNames>::VARIANTS,
        };

        /// How the law can be broken, with the evidence.
        #[derive(Debug, Clone, PartialEq, Eq, ::strum::IntoStaticStr, ::strum::VariantNames)]
        #[strum(serialize_all = "kebab-case")]
        pub enum Broken {
            $(
                #[doc = $words]
                #[allow(missing_docs, reason = "the words say what each figure is")]
                $shape { $($figure: $type),* },
            )+
        }

        #[allow(unused_variables, reason = "a figure need not be in the words, nor be the component")]
        impl $crate::findings::Violation for Broken {
            const LAW: $crate::findings::Law = LAW;

            fn shape(&self) -> &'static str {
                self.into()
            }

            fn component(&self) -> Option<$crate::findings::Component> {
                match self {
                    $(Broken::$shape { $($figure),* } => {
                        let component: Option<$crate::findings::Component> = None;
                        $(let component = Some($crate::findings::Component::from(*$component));)?
                        component
                    })+
                }
            }

            fn evidence(&self) -> $crate::findings::Evidence {
                #[allow(unused_mut, reason = "a shape may have no figures")]
                let mut evidence = $crate::findings::Evidence::default();
                match self {
                    $(Broken::$shape { $($figure),* } => {
                        $($crate::findings::Evident::put($figure, stringify!($figure), &mut evidence);)*
                    })+
                }
                evidence
            }

            fn text(&self) -> String {
                match self {
                    $(Broken::$shape { $($figure),* } => format!($words $(, $argument)*),)+
                }
            }
        }
    };
}
