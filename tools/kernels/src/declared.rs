//! What a kernel declares: the fields of its struct, the elements that its `check` proves, the types that it was compiled for, and
//! its `ACCESS`.

use crate::source::{Placed, Source};
use std::collections::{BTreeMap, BTreeSet};
use syn::visit::{Visit, visit_expr_method_call};
use syn::{Attribute, Expr, ExprMethodCall, GenericArgument, Generics, ImplItem, Item, ItemImpl, Path, Type};

/// A struct of the crate, a kernel or what kernels are made of.
#[derive(Debug, Default)]
pub struct Struct {
    pub room: String,
    pub name: String,
    pub doc: String,
    pub parameters: Vec<String>,
    pub fields: Vec<(String, Type)>,
    /// field -> what its region holds, as `check` proves it: `i8`, or a type of a parameter, such as `R::Element`.
    pub elements: BTreeMap<String, String>,
    /// The arguments for which it has a `run`, each a (room, name).
    pub runs: Vec<Vec<Name>>,
    /// Its `ACCESS`, where it is a kernel.
    pub access: Option<String>,
    /// Its `OVER` and `OVER_WHOLE`: pairs of fields, where it has these.
    pub over: BTreeMap<String, Vec<Vec<String>>>,
    /// Types that it has for kernels that are generic over it, such as `Element` = `i8`.
    pub types: BTreeMap<String, String>,
    /// Whether it may lie in the weights.
    pub is_element: bool,
}

/// A type's room and name.
pub type Name = (String, String);

/// An enum: its variants, unless they hold something.
#[derive(Debug)]
pub struct Enum {
    pub doc: String,
    pub variants: Option<Vec<String>>,
}

/// Everything that kernels are declared with.
#[derive(Debug, Default)]
pub struct Declared {
    pub structs: BTreeMap<Name, Struct>,
    pub enums: BTreeMap<Name, Enum>,
    pub aliases: BTreeMap<Name, (Generics, Type)>,
    pub constants: BTreeMap<Name, usize>,
}

impl Declared {
    /// Collects what the items declare.
    pub fn new(source: &Source) -> Self {
        let mut found = Self::default();
        for Placed { room, item } in &source.items {
            match item {
                Item::Struct(item) => {
                    let name = (room.clone(), item.ident.to_string());
                    let fields = item.fields.iter().filter_map(|f| Some((f.ident.as_ref()?.to_string(), f.ty.clone())));
                    let parameters = item.generics.type_params().map(|p| p.ident.to_string()).collect();
                    let declared = Struct {
                        room: room.clone(),
                        name: name.1.clone(),
                        doc: doc(&item.attrs),
                        parameters,
                        fields: fields.collect(),
                        ..Struct::default()
                    };
                    if matches!(item.vis, syn::Visibility::Public(_)) {
                        found.structs.insert(name, declared);
                    }
                }
                Item::Enum(item) => {
                    let units = item.variants.iter().all(|variant| variant.fields.is_empty());
                    let names = item.variants.iter().map(|variant| variant.ident.to_string()).collect();
                    let declared = Enum { doc: doc(&item.attrs), variants: units.then_some(names) };
                    found.enums.insert((room.clone(), item.ident.to_string()), declared);
                }
                Item::Type(item) => {
                    let name = (room.clone(), item.ident.to_string());
                    found.aliases.insert(name, (item.generics.clone(), (*item.ty).clone()));
                }
                Item::Const(item) => {
                    if let Expr::Lit(literal) = &*item.expr
                        && let syn::Lit::Int(number) = &literal.lit
                        && let Ok(number) = number.base10_parse()
                    {
                        found.constants.insert((room.clone(), item.ident.to_string()), number);
                    }
                }
                _ => {}
            }
        }
        for Placed { room, item } in &source.items {
            if let Item::Impl(item) = item {
                found.implementation(source, room, item);
            }
        }
        found
    }

    /// Returns the room and name of a struct, enum or alias that code in `room` names.
    pub fn resolve(&self, source: &Source, room: &str, path: &Path) -> Option<Name> {
        let words: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let name = words.last()?.clone();
        let own = (room.to_owned(), name.clone());
        let from = match words.len() {
            1 if self.knows(&own) => return Some(own),
            1 => source.uses.get(&own)?.clone(),
            length => words[length - 2].clone(),
        };
        let rooms = self.structs.keys().chain(self.enums.keys()).chain(self.aliases.keys());
        let mut rooms = rooms.filter(|(_, other)| *other == name).map(|(room, _)| room.clone());
        let near = if from == "super" { room.to_owned() } else { from };
        let first = rooms.clone().find(|other| other.rsplit("::").next() == Some(&near));
        // Re-exported by the module that is named.
        first.or_else(|| rooms.next()).map(|room| (room, name))
    }

    fn knows(&self, name: &Name) -> bool {
        self.structs.contains_key(name) || self.enums.contains_key(name) || self.aliases.contains_key(name)
    }

    fn implementation(&mut self, source: &Source, room: &str, item: &ItemImpl) {
        let Type::Path(this) = &*item.self_ty else { return };
        let Some(mut name) = self.resolve(source, room, &this.path) else { return };
        if let Some((_, Type::Path(aliased))) = self.aliases.get(&name)
            && let Some(target) = self.resolve(source, &name.0.clone(), &aliased.path)
        {
            name = target;
        }
        let own: BTreeSet<_> = item.generics.type_params().map(|p| p.ident.to_string()).collect();
        let arguments: Vec<_> = arguments(&this.path).into_iter().filter_map(|ty| path_of(&ty)).collect();
        let is_open = arguments.iter().any(|path| path.get_ident().is_some_and(|name| own.contains(&name.to_string())));
        let resolved: Vec<_> = arguments.iter().filter_map(|path| self.resolve(source, room, path)).collect();
        let Some(found) = self.structs.get_mut(&name) else { return };
        let implemented = item.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
        let implements = |name: &str| implemented.is_some_and(|segment| segment.ident == name);
        found.is_element |= implements("Element");
        let fields = found.fields.clone();
        for inner in &item.items {
            match inner {
                ImplItem::Fn(function) if function.sig.ident == "run" && !is_open => found.runs.push(resolved.clone()),
                ImplItem::Fn(function) if function.sig.ident.to_string().starts_with("check") => {
                    Elements { fields: &fields, elements: &mut found.elements }.visit_block(&function.block);
                }
                ImplItem::Const(constant) if constant.ident == "ACCESS" => found.access = last_word(&constant.expr),
                ImplItem::Const(constant) if constant.ident.to_string().starts_with("OVER") => {
                    found.over.insert(constant.ident.to_string(), pairs(&constant.expr));
                }
                ImplItem::Type(ty) if implements("Requantize") => {
                    found.types.insert(ty.ident.to_string(), text(&ty.ty));
                }
                _ => {}
            }
        }
    }
}

/// Finds what the regions of a kernel hold: `self.input.check::<i8>(..)`, or `self.walk.check::<i8>(.., self.input, self.output)`,
/// where of several types the first is that of the inputs and the last that of the output.
struct Elements<'a> {
    fields: &'a [(String, Type)],
    elements: &'a mut BTreeMap<String, String>,
}

impl Elements<'_> {
    /// The field of regions that an expression names.
    fn region(&self, expression: &Expr) -> Option<String> {
        let name = match expression {
            Expr::Reference(reference) => return self.region(&reference.expr),
            Expr::Field(field) => text(&field.member),
            Expr::Path(path) => path.path.get_ident()?.to_string(),
            _ => return None,
        };
        let (_, ty) = self.fields.iter().find(|(field, _)| *field == name)?;
        matches!(text(ty).as_str(), "Region" | "Image").then_some(name)
    }
}

impl<'ast> Visit<'ast> for Elements<'_> {
    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let types = call.turbofish.iter().flat_map(|turbofish| &turbofish.args);
        let types: Vec<_> = types
            .filter_map(|argument| if let GenericArgument::Type(ty) = argument { Some(text(ty)) } else { None })
            .collect();
        if let (true, [first, ..], Some(last)) =
            (call.method.to_string().starts_with("check"), &types[..], types.last())
        {
            for expression in [&*call.receiver].into_iter().chain(&call.args) {
                if let Some(field) = self.region(expression) {
                    let ty = if field == "output" { last } else { first };
                    self.elements.entry(field).or_insert_with(|| ty.clone());
                }
            }
        }
        visit_expr_method_call(self, call);
    }
}

/// The documentation of an item as one text.
pub fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).filter_map(|attribute| {
        let Expr::Lit(literal) = &attribute.meta.require_name_value().ok()?.value else { return None };
        let syn::Lit::Str(text) = &literal.lit else { return None };
        Some(text.value().trim().to_owned())
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The generic arguments of a path that are types.
pub fn arguments(path: &Path) -> Vec<Type> {
    let Some(syn::PathArguments::AngleBracketed(list)) = path.segments.last().map(|last| &last.arguments) else {
        return Vec::new();
    };
    let types = list.args.iter();
    types
        .filter_map(|argument| if let GenericArgument::Type(ty) = argument { Some(ty.clone()) } else { None })
        .collect()
}

/// The path that a type is.
pub fn path_of(ty: &Type) -> Option<Path> {
    if let Type::Path(path) = ty { Some(path.path.clone()) } else { None }
}

fn last_word(expression: &Expr) -> Option<String> {
    let Expr::Path(path) = expression else { return None };
    path.path.segments.last().map(|segment| segment.ident.to_string())
}

/// The words of `&[("input", "output"), ..]`.
fn pairs(expression: &Expr) -> Vec<Vec<String>> {
    let Expr::Reference(reference) = expression else { return Vec::new() };
    let Expr::Array(array) = &*reference.expr else { return Vec::new() };
    let tuples =
        array.elems.iter().filter_map(|element| if let Expr::Tuple(tuple) = element { Some(tuple) } else { None });
    tuples.map(|tuple| tuple.elems.iter().map(|word| text(word).trim_matches('"').to_owned()).collect()).collect()
}

/// Tokens as text without spaces.
pub fn text(tokens: &impl quote::ToTokens) -> String {
    tokens.to_token_stream().to_string().replace(' ', "")
}
