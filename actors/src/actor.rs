//! What makes a component an actix actor. The components know this; [`start`](crate::start) knows the components.

/// Makes a component with a method `input` an actix actor that takes a stream of [`Input`](crate::ports::Input).
macro_rules! actor {
    ($component:ty) => {
        impl actix::Actor for $component {
            type Context = actix::Context<Self>;
        }

        impl actix::StreamHandler<$crate::ports::Input> for $component {
            fn handle(&mut self, input: $crate::ports::Input, _: &mut Self::Context) {
                self.input(input);
            }
        }

        #[cfg(test)]
        impl $crate::testing::Component for $component {
            fn input(&mut self, input: $crate::ports::Input) {
                <$component>::input(self, input);
            }
        }
    };
}
pub(crate) use actor;
