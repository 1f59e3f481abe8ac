//! The methods of [`crate::Infer`] on handles: programs call them without the trait in scope, and generic code with it.

/// Gives a handle the methods of [`crate::Infer`]; its field `model` does the work.
macro_rules! methods_of_model {
    ([$($generics:tt)*] $handle:ty, $model:ident) => {
        impl<$($generics)*> $handle {
            /// The input inside the arena, to be filled in place (by a driver or a DMA); a run consumes it.
            pub fn input_mut(&mut self) -> &mut $model::Input {
                self.model.input_mut()
            }

            /// Runs on what is in [`Self::input_mut`] and returns the output.
            ///
            /// # Errors
            /// As [`Infer::run`](crate::Infer::run).
            pub fn run(&mut self) -> Result<&$model::Output, $crate::Error> {
                self.model.run()
            }

            /// Copies `input` into the arena, runs, and returns the output.
            ///
            /// # Errors
            /// As [`Infer::run`](crate::Infer::run).
            pub fn infer(&mut self, input: &$model::Input) -> Result<&$model::Output, $crate::Error> {
                self.model.infer(input)
            }

            /// As [`Self::run`], and yields to the executor between tiles.
            ///
            /// # Errors
            /// As [`Infer::run`](crate::Infer::run).
            pub async fn run_async(&mut self) -> Result<&$model::Output, $crate::Error> {
                self.model.run_async().await
            }

            /// As [`Self::infer`], and yields to the executor between tiles.
            ///
            /// # Errors
            /// As [`Infer::run`](crate::Infer::run).
            pub async fn infer_async(&mut self, input: &$model::Input) -> Result<&$model::Output, $crate::Error> {
                self.model.infer_async(input).await
            }

            /// Forgets what the model keeps between inferences.
            pub fn reset(&mut self) {
                self.model.reset();
            }

            /// Says how much there is of each bounded dimension: `Sizes { .. }.as_array()` of the model's module.
            ///
            /// # Errors
            /// As [`Infer::resize`](crate::Infer::resize).
            pub fn resize(&mut self, sizes: &[usize]) -> Result<(), $crate::Error> {
                self.model.resize(sizes)
            }
        }
    };
}
pub(crate) use methods_of_model;

/// Implements [`crate::Infer`] for a handle by its methods of the same names.
macro_rules! infer_by_methods {
    ([$($generics:tt)*] $handle:ty, $model:ident $(where $($bounds:tt)+)?) => {
        impl<$($generics)*> $crate::Infer for $handle
        $(where $($bounds)+)?
        {
            type Input = $model::Input;
            type Output = $model::Output;

            fn input_mut(&mut self) -> &mut $model::Input {
                Self::input_mut(self)
            }

            fn run(&mut self) -> Result<&$model::Output, $crate::Error> {
                Self::run(self)
            }

            fn infer(&mut self, input: &$model::Input) -> Result<&$model::Output, $crate::Error> {
                Self::infer(self, input)
            }

            fn run_async(&mut self) -> impl ::core::future::Future<Output = Result<&$model::Output, $crate::Error>> {
                Self::run_async(self)
            }

            fn infer_async(
                &mut self,
                input: &$model::Input,
            ) -> impl ::core::future::Future<Output = Result<&$model::Output, $crate::Error>> {
                Self::infer_async(self, input)
            }

            fn reset(&mut self) {
                Self::reset(self);
            }

            fn resize(&mut self, sizes: &[usize]) -> Result<(), $crate::Error> {
                Self::resize(self, sizes)
            }
        }
    };
}
pub(crate) use infer_by_methods;
