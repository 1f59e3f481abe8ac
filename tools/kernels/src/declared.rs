//! What a kernel declares: the fields of its struct, the elements that its `check` proves, the types that it was compiled for, and
//! its `ACCESS`.

use crate::source::{Placed, Source};
use std::collections::{BTreeMap, BTreeSet};
use syn::visit::{Visit, visit_expr_method_call};
use syn::{
    Attribute, Expr, ExprMethodCall, GenericArgument, Generics, ImplItem, Item, ItemImpl, Path, Type, Visibility,
};

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
    /// The types that its `check` is generic over, and those with which it checks its own fields.
    pub checked: Vec<String>,
    pub given: BTreeMap<String, Vec<String>>,
    /// Aliases for which it has a `run`, each with its arguments.
    pub aliased: Vec<(String, Vec<String>)>,
    /// How the crate spells it, where it stands for an alias.
    pub spelled: Option<String>,
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
    /// The features of the crate without which it is not compiled, and those without which one of its `run` is not.
    pub features: BTreeSet<String>,
    pub run_features: BTreeSet<String>,
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
        for Placed { room, item, features } in &source.items {
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
                        features: features.clone(),
                        ..Struct::default()
                    };
                    if is_public(&item.vis) {
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
        for Placed { room, item, features } in &source.items {
            if let Item::Impl(item) = item {
                found.implementation(source, room, item, features);
            }
        }
        found.concrete();
        found
    }

    /// Puts a struct of its own for each alias that is compiled, in the place of what it stands for.
    fn concrete(&mut self) {
        let mut made = Vec::new();
        for (name, found) in &mut self.structs {
            for (alias, arguments) in std::mem::take(&mut found.aliased) {
                made.push((name.clone(), alias, arguments));
            }
        }
        for (name, alias, arguments) in made {
            let known: Vec<_> =
                self.structs.iter().map(|(name, found)| (name.1.clone(), found.types.clone())).collect();
            let generic = &self.structs[&name];
            let filled = |ty: &str| {
                let mut ty = ty.to_owned();
                for (parameter, argument) in generic.parameters.iter().zip(&arguments) {
                    let types = known.iter().find(|(name, _)| name == argument).map(|(_, types)| types);
                    for (kind, held) in types.into_iter().flatten() {
                        ty = ty.replace(&format!("{parameter}::{kind}"), held);
                    }
                    let word = |ty: &str| ty.split(|c: char| !c.is_alphanumeric()).any(|other| other == parameter);
                    if word(&ty) && parameter.len() == 1 {
                        ty = ty.replace(&format!("[{parameter}]"), &format!("[{argument}]"));
                        ty = if ty == *parameter { argument.clone() } else { ty };
                    }
                }
                ty
            };
            let fields = generic.fields.iter().map(|(field, ty)| {
                let filled = filled(&text(ty).replace("&'static", "&'static "));
                (field.clone(), syn::parse_str(&filled).unwrap_or_else(|_| ty.clone()))
            });
            let concrete = Struct {
                room: generic.room.clone(),
                name: alias.clone(),
                doc: generic.doc.clone(),
                fields: fields.collect(),
                elements: generic.elements.iter().map(|(field, ty)| (field.clone(), filled(ty))).collect(),
                given: generic
                    .given
                    .iter()
                    .map(|(field, types)| (field.clone(), types.iter().map(|ty| filled(ty)).collect()))
                    .collect(),
                runs: vec![Vec::new()],
                access: generic.access.clone(),
                over: generic.over.clone(),
                features: generic.features.clone(),
                spelled: Some(format!("{}::{}<{}>", generic.room, generic.name, arguments.join(", "))),
                ..Struct::default()
            };
            self.aliases.remove(&(name.0.clone(), alias.clone()));
            self.structs.insert((name.0, alias), concrete);
        }
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

    fn implementation(&mut self, source: &Source, room: &str, item: &ItemImpl, features: &BTreeSet<String>) {
        let Type::Path(this) = &*item.self_ty else { return };
        let Some(mut name) = self.resolve(source, room, &this.path) else { return };
        let mut alias = None;
        if let Some((generics, Type::Path(aliased))) = self.aliases.get(&name)
            && let Some(target) = self.resolve(source, &name.0.clone(), &aliased.path)
        {
            if generics.params.is_empty() {
                let words = arguments(&aliased.path).iter().map(text).collect();
                alias = Some((name.1.clone(), words));
            }
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
                ImplItem::Fn(function) if function.sig.ident == "run" && alias.is_some() => {
                    found.aliased.extend(alias.clone());
                }
                ImplItem::Fn(function)
                    if function.sig.ident == "run"
                        && !is_open
                        && function.sig.inputs.len() == 3
                        && is_public(&function.vis) =>
                {
                    // Twice where some targets compile it with the crate, and others where it is called.
                    if !found.runs.contains(&resolved) {
                        found.runs.push(resolved.clone());
                    }
                    found.run_features.extend(features.iter().cloned());
                }
                ImplItem::Fn(function) if function.sig.ident.to_string().starts_with("check") => {
                    if function.sig.ident == "check" {
                        found.checked = function.sig.generics.type_params().map(|p| p.ident.to_string()).collect();
                    }
                    let (elements, given) = (&mut found.elements, &mut found.given);
                    Elements { fields: &fields, found: elements, given }.visit_block(&function.block);
                }
                ImplItem::Const(constant) if constant.ident == "ACCESS" => found.access = last_word(&constant.expr),
                ImplItem::Const(constant) if constant.ident.to_string().starts_with("OVER") => {
                    found.over.insert(constant.ident.to_string(), pairs(&constant.expr));
                }
                ImplItem::Type(ty) if implemented.is_some() => {
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
    found: &'a mut BTreeMap<String, String>,
    /// Types with which fields are checked that are structs.
    given: &'a mut BTreeMap<String, Vec<String>>,
}

impl Elements<'_> {
    /// The field of regions that an expression names.
    fn region(&self, expression: &Expr) -> Option<String> {
        let (name, ty) = self.field(expression)?;
        matches!(text(ty).as_str(), "Region" | "Image").then_some(name)
    }

    fn field(&self, expression: &Expr) -> Option<(String, &Type)> {
        let name = match expression {
            Expr::Reference(reference) => return self.field(&reference.expr),
            Expr::Field(field) => text(&field.member),
            Expr::Path(path) => path.path.get_ident()?.to_string(),
            _ => return None,
        };
        let (_, ty) = self.fields.iter().find(|(field, _)| *field == name)?;
        Some((name, ty))
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
            if let (Some((field, _)), None) = (self.field(&call.receiver), self.region(&call.receiver)) {
                self.given.insert(field, types.clone());
            }
            for expression in [&*call.receiver].into_iter().chain(&call.args) {
                if let Some(field) = self.region(expression) {
                    let ty = if field == "output" { last } else { first };
                    self.found.entry(field).or_insert_with(|| ty.clone());
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

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
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
