//! The macros of `ariel-ml-rs`, which re-exports them.

use proc_macro::{Delimiter, Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};

/// Gives a model static memory and wires it to the executor: `wire!(keywords)` for the generated module `keywords`.
///
/// Evaluates to `Result<Wired<keywords::Model>, Error>`: the handle, the first time that this place runs, and
/// `Error::AlreadyWired` from then on.
///
/// ```ignore
/// let mut model = ariel_ml_rs::wire!(keywords)?;
/// let scores = model.infer_async(&input).await?;
/// ```
#[proc_macro]
pub fn wire(input: TokenStream) -> TokenStream {
    match parse(input) {
        Ok(module) => generate(&module),
        Err((span, reason)) => compile_error(span, &reason),
    }
}

/// Returns the path of the module: identifiers and `::`, nothing else.
fn parse(input: TokenStream) -> Result<Vec<TokenTree>, (Span, String)> {
    let path: Vec<TokenTree> = input.into_iter().collect();
    if path.is_empty() {
        return Err((Span::call_site(), "wire! takes the module of a model, such as `wire!(keywords)`".into()));
    }
    for token in &path {
        let fits = match token {
            TokenTree::Ident(_) => true,
            TokenTree::Punct(punct) => punct.as_char() == ':',
            _ => false,
        };
        if !fits {
            return Err((token.span(), format!("`{token}` is not part of a module's path: write `wire!(keywords)`")));
        }
    }
    Ok(path)
}

/// `{ static SLOT: Slot<path::Model> = Slot::new(path::Model::new()); SLOT.take() }`
fn generate(module: &[TokenTree]) -> TokenStream {
    let path: TokenStream = module.iter().cloned().collect();
    let text = format!(
        "{{ static SLOT: ::ariel_ml_rs::wired::Slot<{path}::Model> = ::ariel_ml_rs::wired::Slot::new({path}::Model::new()); SLOT.take() }}"
    );
    // The text is ours but for the path, which `parse` checked token by token.
    text.parse().unwrap_or_else(|_| compile_error(Span::call_site(), "wire! takes the module of a model"))
}

/// `compile_error!("reason")`, shown at `span`.
fn compile_error(span: Span, reason: &str) -> TokenStream {
    let mut message = proc_macro::Literal::string(reason);
    message.set_span(span);
    let mut group = Group::new(Delimiter::Brace, TokenStream::from(TokenTree::Literal(message)));
    group.set_span(span);
    let mut bang = Punct::new('!', Spacing::Alone);
    bang.set_span(span);
    [TokenTree::Ident(Ident::new("compile_error", span)), TokenTree::Punct(bang), TokenTree::Group(group)]
        .into_iter()
        .collect()
}
