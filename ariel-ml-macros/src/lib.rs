//! The macros of `ariel-ml-rs`, which re-exports them.

use proc_macro::{Delimiter, Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};

/// Gives a model static memory and wires it to the executor: `wire!(keywords)` for the generated module `keywords`.
///
/// Evaluates to a `Result` with the handle, the first time that this place runs, and `Error::AlreadyWired` from then on. With
/// `pool = POOL` all cores of that pool (`ariel_ml_rs::pool!`) work on the model; without, the caller's does.
///
/// ```ignore
/// let mut model = ariel_ml_rs::wire!(keywords)?;
/// let mut model = ariel_ml_rs::wire!(keywords, pool = POOL)?;
/// let scores = model.infer_async(&input).await?;
/// ```
///
/// The same in every executor: Embassy, RTIC, Ariel OS, a bare loop, threads. Where the pool knows how (`pool!` with `start`, or of
/// threads), the first `wire!` starts the workers of the other cores.
///
/// The handle can be given a time budget, `.within::<clock::Embassy>(Duration::from_millis(20))` or `.with_budget(now, ticks)`,
/// and at a pool a priority, `.with_priority(Priority::High)`. With `wire!(keywords)` a plain `Model` would do as well; the handle
/// is how it lives in static memory without `unsafe`.
#[proc_macro]
pub fn wire(input: TokenStream) -> TokenStream {
    match parse(input) {
        Ok(wiring) => generate(&wiring),
        Err((span, reason)) => compile_error(span, &reason),
    }
}

/// What stands between the parentheses: the path of a model's module, and maybe that of a pool.
struct Wiring {
    module: TokenStream,
    pool: Option<TokenStream>,
}

/// Why the words are not understood, and where.
type Refusal = (Span, String);

fn parse(input: TokenStream) -> Result<Wiring, Refusal> {
    let mut parts: Vec<Vec<TokenTree>> = vec![Vec::new()];
    for token in input {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == ',' => parts.push(Vec::new()),
            _ => parts.last_mut().expect("begins with one part").push(token),
        }
    }
    if parts.len() > 1 && parts.last().is_some_and(Vec::is_empty) {
        parts.pop();
    }
    let mut parts = parts.into_iter();
    let module = path(&parts.next().unwrap_or_default(), "the module of a model, such as `wire!(keywords)`")?;
    let mut wiring = Wiring { module, pool: None };
    for part in parts {
        wiring.pool = Some(option(&part, wiring.pool.is_some())?);
    }
    Ok(wiring)
}

/// Returns the pool of `pool = PATH`.
fn option(part: &[TokenTree], again: bool) -> Result<TokenStream, Refusal> {
    let span = part.first().map_or_else(Span::call_site, TokenTree::span);
    match part {
        [TokenTree::Ident(name), TokenTree::Punct(equals), rest @ ..]
            if name.to_string() == "pool" && equals.as_char() == '=' && !again =>
        {
            path(rest, "the path of a pool, such as `pool = POOL`")
        }
        _ => Err((span, "wire! takes one option, once: `pool = POOL`".into())),
    }
}

/// Returns identifiers and `::` as they are; refuses everything else.
fn path(tokens: &[TokenTree], expected: &str) -> Result<TokenStream, Refusal> {
    if tokens.is_empty() {
        return Err((Span::call_site(), format!("wire! takes {expected}")));
    }
    for token in tokens {
        let fits = match token {
            TokenTree::Ident(_) => true,
            TokenTree::Punct(punct) => punct.as_char() == ':',
            _ => false,
        };
        if !fits {
            return Err((token.span(), format!("`{token}` is not part of a path: wire! takes {expected}")));
        }
    }
    Ok(tokens.iter().cloned().collect())
}

/// `::ariel_ml_rs::wire_alone! { path }`, or `::ariel_ml_rs::wire_pool! { [path] [pool] }`: the runtime crate's macros hold what
/// is unsafe, so that the user's crate may forbid it.
fn generate(wiring: &Wiring) -> TokenStream {
    let module = &wiring.module;
    let text = match &wiring.pool {
        None => format!("::ariel_ml_rs::wire_alone! {{ {module} }}"),
        Some(pool) => format!("::ariel_ml_rs::wire_pool! {{ [{module}] [{pool}] }}"),
    };
    // The text is ours but for the paths, which `path` checked token by token.
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
