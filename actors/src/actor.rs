//! What makes a component an actix actor. The components know this; [`start`](crate::start) knows the components.

/// Makes a component with a method `input` an actix actor that takes [`Deliver`].
macro_rules! actor {
    ($component:ty) => {
        impl actix::Actor for $component {
            type Context = actix::Context<Self>;
        }

        impl actix::Handler<$crate::ports::Deliver> for $component {
            type Result = ();

            fn handle(&mut self, message: $crate::ports::Deliver, _: &mut Self::Context) {
                // The receipt is dropped, and so counts, once the input is handled.
                let $crate::ports::Deliver {
                    input,
                    receipt: _receipt,
                } = message;
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
