//! A model whose input comes row by row, as the loop over the samples takes it: rows are taken out of whole samples.

/// Makes `Model` of that of a generated module.
#[allow(unused_macros, reason = "whether a model is one is told by `subject.rs`")]
macro_rules! streamed {
    ($module:ident) => {
        /// The generated model, to which each sample is given row by row.
        pub struct Model(self::$module::Model);

        impl Model {
            /// A model at rest.
            pub const fn new() -> Self {
                Self($module::Model::new())
            }
        }

        impl ariel_ml_rs::Infer for Model {
            type Input = $module::Input;
            type Output = $module::Output;

            fn input_mut(&mut self) -> &mut Self::Input {
                // An unused method of the trait, as are those below that cannot be: no input is there in whole.
                unreachable!("the harness calls `infer` only")
            }

            fn run(&mut self) -> Result<&Self::Output, ariel_ml_rs::Error> {
                unreachable!("the harness calls `infer` only")
            }

            fn infer(&mut self, input: &Self::Input) -> Result<&Self::Output, ariel_ml_rs::Error> {
                self.0.infer(input)
            }

            async fn run_async(&mut self) -> Result<&Self::Output, ariel_ml_rs::Error> {
                unreachable!("the harness calls `infer` only")
            }

            async fn infer_async(&mut self, input: &Self::Input) -> Result<&Self::Output, ariel_ml_rs::Error> {
                self.0.infer_async(input).await
            }

            fn reset(&mut self) {
                self.0.reset();
            }
        }
    };
}
#[allow(unused_imports, reason = "as above")]
pub(crate) use streamed;
