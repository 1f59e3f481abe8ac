//! `macro_rules!`, as far as items are made by them: families of kernels are.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::BTreeMap;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser, discouraged::Speculative};

/// A macro: its rules in order.
#[derive(Clone, Debug)]
pub struct Macro(Vec<(Vec<Pattern>, TokenStream)>);

/// A part of the left side of a rule.
#[derive(Clone, Debug)]
enum Pattern {
    Token(TokenTree),
    Group(Delimiter, Vec<Pattern>),
    Fragment(String, String),
    /// What repeats, what stands between, and whether it must be there.
    Repeat(Vec<Pattern>, Option<TokenTree>, char),
}

/// What a fragment stands for: tokens, or one for each turn of a repetition.
#[derive(Clone, Debug)]
enum Bound {
    One(TokenStream),
    Many(Vec<Bindings>),
}

type Bindings = BTreeMap<String, Bound>;

impl Macro {
    /// Reads the body of a `macro_rules!`.
    pub fn new(body: TokenStream) -> Option<Self> {
        let mut tokens = body.into_iter().peekable();
        let mut rules = Vec::new();
        while let Some(TokenTree::Group(left)) = tokens.next() {
            let (Some(_), Some(_), Some(TokenTree::Group(right))) = (tokens.next(), tokens.next(), tokens.next())
            else {
                return None;
            };
            rules.push((patterns(left.stream())?, right.stream()));
            // The semicolon between rules.
            tokens.next();
        }
        Some(Self(rules))
    }

    /// Returns what a call with `input` becomes: by the first rule that fits.
    pub fn expand(&self, input: &TokenStream) -> Option<TokenStream> {
        self.0.iter().find_map(|(left, right)| {
            let parser = |stream: ParseStream<'_>| matched(left, stream);
            let bindings = parser.parse2(input.clone()).ok()?;
            transcribe(right.clone(), &[&bindings])
        })
    }
}

/// Reads the left side of a rule.
fn patterns(tokens: TokenStream) -> Option<Vec<Pattern>> {
    let mut found = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '$' => match tokens.next()? {
                TokenTree::Group(group) => {
                    let (separator, operator) = repetition(&mut tokens)?;
                    found.push(Pattern::Repeat(patterns(group.stream())?, separator, operator));
                }
                name => {
                    tokens.next();
                    found.push(Pattern::Fragment(name.to_string(), tokens.next()?.to_string()));
                }
            },
            TokenTree::Group(group) => found.push(Pattern::Group(group.delimiter(), patterns(group.stream())?)),
            token => found.push(Pattern::Token(token)),
        }
    }
    Some(found)
}

/// Reads what follows `$(..)`: perhaps a separator, and `*`, `+` or `?`.
fn repetition(tokens: &mut impl Iterator<Item = TokenTree>) -> Option<(Option<TokenTree>, char)> {
    let mut separator = None;
    loop {
        match tokens.next()? {
            TokenTree::Punct(punct) if matches!(punct.as_char(), '*' | '+' | '?') => {
                return Some((separator, punct.as_char()));
            }
            token => separator = Some(token),
        }
    }
}

fn matched(patterns: &[Pattern], input: ParseStream<'_>) -> syn::Result<Bindings> {
    let bindings = sequence(patterns, input)?;
    if input.is_empty() { Ok(bindings) } else { Err(input.error("more than the rule takes")) }
}

fn sequence(patterns: &[Pattern], input: ParseStream<'_>) -> syn::Result<Bindings> {
    let mut found = Bindings::new();
    for pattern in patterns {
        match pattern {
            Pattern::Token(token) => expect(token, input)?,
            Pattern::Group(delimiter, inner) => {
                let TokenTree::Group(group) = input.parse()? else {
                    return Err(input.error("a group is missing"));
                };
                if group.delimiter() != *delimiter {
                    return Err(input.error("another kind of brackets"));
                }
                found.extend((|stream: ParseStream<'_>| matched(inner, stream)).parse2(group.stream())?);
            }
            Pattern::Fragment(name, kind) => {
                found.insert(name.clone(), Bound::One(fragment(kind, input)?));
            }
            Pattern::Repeat(inner, separator, operator) => {
                let mut turns = Vec::new();
                while !input.is_empty() {
                    let fork = input.fork();
                    let between = match separator {
                        Some(token) if !turns.is_empty() => expect(token, &fork),
                        _ => Ok(()),
                    };
                    let Ok(turn) = between.and_then(|()| sequence(inner, &fork)) else { break };
                    input.advance_to(&fork);
                    turns.push(turn);
                    if *operator == '?' {
                        break;
                    }
                }
                if *operator == '+' && turns.is_empty() {
                    return Err(input.error("nothing repeats"));
                }
                let mut names = Vec::new();
                names_in(inner, &mut names);
                for name in names {
                    found.insert(name, Bound::Many(turns.clone()));
                }
            }
        }
    }
    Ok(found)
}

fn names_in(patterns: &[Pattern], names: &mut Vec<String>) {
    for pattern in patterns {
        match pattern {
            Pattern::Token(_) => {}
            Pattern::Fragment(name, _) => names.push(name.clone()),
            Pattern::Group(_, inner) | Pattern::Repeat(inner, ..) => names_in(inner, names),
        }
    }
}

fn expect(token: &TokenTree, input: ParseStream<'_>) -> syn::Result<()> {
    let next: TokenTree = input.parse()?;
    if next.to_string() == token.to_string() { Ok(()) } else { Err(input.error("another token")) }
}

fn fragment(kind: &str, input: ParseStream<'_>) -> syn::Result<TokenStream> {
    Ok(match kind {
        "ident" => syn::Ident::parse_any(input)?.into_token_stream(),
        "ty" => input.parse::<syn::Type>()?.into_token_stream(),
        "expr" => input.parse::<syn::Expr>()?.into_token_stream(),
        "literal" => input.parse::<syn::Lit>()?.into_token_stream(),
        "meta" => input.parse::<syn::Meta>()?.into_token_stream(),
        "path" => input.parse::<syn::Path>()?.into_token_stream(),
        "tt" => input.parse::<TokenTree>()?.into_token_stream(),
        _ => return Err(input.error("a kind of fragment that no family of kernels has")),
    })
}

/// Returns the right side of a rule with what the fragments stand for; the last bindings are the innermost.
fn transcribe(body: TokenStream, bindings: &[&Bindings]) -> Option<TokenStream> {
    let mut out = TokenStream::new();
    let mut tokens = body.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '$' => match tokens.next()? {
                TokenTree::Group(group) => {
                    let (separator, _) = repetition(&mut tokens)?;
                    for (index, turn) in turns(&group.stream(), bindings)?.iter().enumerate() {
                        if let (true, Some(separator)) = (index > 0, &separator) {
                            out.extend([separator.clone()]);
                        }
                        let inner: Vec<_> = bindings.iter().copied().chain([turn]).collect();
                        out.extend(transcribe(group.stream(), &inner)?);
                    }
                }
                name => match lookup(&name.to_string(), bindings) {
                    Some(Bound::One(tokens)) => out.extend(tokens.clone()),
                    _ if name.to_string() == "crate" => out.extend([name]),
                    _ => return None,
                },
            },
            TokenTree::Group(group) => {
                out.extend([TokenTree::Group(Group::new(group.delimiter(), transcribe(group.stream(), bindings)?))]);
            }
            token => out.extend([token]),
        }
    }
    Some(out)
}

fn lookup<'a>(name: &str, bindings: &[&'a Bindings]) -> Option<&'a Bound> {
    bindings.iter().rev().find_map(|bound| bound.get(name))
}

/// Returns the turns of the fragments that a repetition names.
fn turns(body: &TokenStream, bindings: &[&Bindings]) -> Option<Vec<Bindings>> {
    let mut tokens = body.clone().into_iter();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '$' => {
                let next = tokens.next()?;
                let found = match &next {
                    TokenTree::Group(group) => turns(&group.stream(), bindings),
                    name => match lookup(&name.to_string(), bindings) {
                        Some(Bound::Many(turns)) => Some(turns.clone()),
                        _ => None,
                    },
                };
                if found.is_some() {
                    return found;
                }
            }
            TokenTree::Group(group) => {
                if let Some(found) = turns(&group.stream(), bindings) {
                    return Some(found);
                }
            }
            _ => {}
        }
    }
    None
}
