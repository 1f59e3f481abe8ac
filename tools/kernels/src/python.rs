//! The declarations as Python: a module for each room, a class for each struct that kernels are made of.

use crate::declared::{Declared, Name, Struct, arguments, path_of, text};
use crate::source::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use syn::Type;

/// Rooms that no kernel is in, by what `use` calls them; all others are under `kernels`.
const HOMES: [&str; 3] = ["memory", "quant", "tile"];
/// Types that the compiler has of its own: regions are planned by it, and it cuts along axes that no kernel names.
const BY_HAND: [&str; 4] = ["Axis", "Region", "Source", "Kernel"];

/// What is written, and what is wrong with the declarations.
pub struct Writer<'a> {
    source: &'a Source,
    declared: &'a Declared,
    pub problems: Vec<String>,
}

/// The Python type of a field, and the rooms that it is from.
struct Typed {
    text: String,
    names: Vec<Name>,
}

impl<'a> Writer<'a> {
    pub fn new(source: &'a Source, declared: &'a Declared) -> Self {
        Self { source, declared, problems: Vec::new() }
    }

    /// Returns the modules by their names.
    pub fn modules(&mut self) -> BTreeMap<String, String> {
        let mut needed: BTreeSet<Name> = BTreeSet::new();
        let mut open: Vec<Name> =
            self.declared.structs.iter().filter(|(_, s)| !s.runs.is_empty()).map(|(name, _)| name.clone()).collect();
        let mut texts: BTreeMap<Name, (String, Vec<Name>)> = BTreeMap::new();
        while let Some(name) = open.pop() {
            if needed.insert(name.clone()) {
                let (text, names) = self.class(&name);
                open.extend(names.iter().cloned());
                texts.insert(name, (text, names));
            }
        }
        let mut modules: BTreeMap<String, String> = BTreeMap::new();
        let rooms: BTreeSet<_> = needed.iter().map(|(room, _)| room.clone()).collect();
        for room in rooms {
            let classes: Vec<_> = texts.iter().filter(|((other, _), _)| *other == room).collect();
            let names: BTreeSet<_> = classes.iter().flat_map(|(_, (_, names))| names).collect();
            modules.insert(module_of(&room), module(&room, &classes, &names));
        }
        modules
    }

    /// Returns the class of a struct or an enum, and the types that it names.
    fn class(&mut self, name: &Name) -> (String, Vec<Name>) {
        if let Some(found) = self.declared.enums.get(name) {
            let Some(variants) = &found.variants else {
                return (format!("#: {}\n{} = Variant\n", summary(&found.doc), name.1), Vec::new());
            };
            let mut out = format!("class {}(Choice):\n    \"\"\"{}\"\"\"\n\n", name.1, summary(&found.doc));
            for variant in variants {
                let _ = writeln!(out, "    {} = \"{variant}\"", shout(variant));
            }
            return (out, Vec::new());
        }
        let Some(found) = self.declared.structs.get(name) else {
            self.problems.push(format!("{}::{} is no struct", name.0, name.1));
            return Default::default();
        };
        let is_kernel = !found.runs.is_empty();
        let base = if is_kernel { "Kernel" } else { "Part" };
        let mut out = format!("class {}({base}):\n", name.1);
        let doc = if found.doc.is_empty() { format!("`{}`.", spelled(name, &[])) } else { summary(&found.doc) };
        let _ = writeln!(out, "    \"\"\"{doc}\"\"\"\n");
        let _ = writeln!(out, "    ROOMS = {}", tuple(&self.rooms(name)));
        let mut names = Vec::new();
        if is_kernel {
            let of: Vec<_> = found
                .parameters
                .iter()
                .filter_map(|name| Some(format!("\"{name}\": \"{}\"", self.standing_for(found, name)?)))
                .collect();
            if !of.is_empty() {
                let _ = writeln!(out, "    PARAMETERS = {{{}}}", of.join(", "));
            }
            let _ = writeln!(out, "    PATHS = {{{}}}", self.paths(found, &mut names).join(", "));
            let Some(access) = &found.access else {
                self.problems.push(format!("{}::{} does not say what its tiles read: no `ACCESS`", name.0, name.1));
                return Default::default();
            };
            let _ = writeln!(out, "    ACCESS = Access.{}", shout(access));
            if !found.run_features.is_subset(&found.features) {
                self.problems.push(format!("{}::{}: a `run` has a feature that the struct has not", name.0, name.1));
            }
            if !found.features.is_empty() {
                let names: Vec<_> = found.features.iter().cloned().collect();
                let _ = writeln!(out, "    FEATURES = {}", tuple(&names));
            }
        }
        for (name, pairs) in &found.over {
            let unknown: Vec<_> = pairs.iter().flatten().filter(|field| !self.has(found, field)).collect();
            for field in unknown {
                let told = format!("{}::{}: `{name}` names `{field}`, which is no field", found.room, found.name);
                self.problems.push(told);
            }
            let pairs: Vec<_> = pairs.iter().map(|pair| tuple(pair)).collect();
            let _ = writeln!(out, "    {name} = ({},)", pairs.join(", "));
        }
        if let Some(spelled) = &found.spelled {
            let _ = writeln!(out, "    SPELLED = \"{spelled}\"");
        }
        let elements = self.elements(found);
        if !elements.is_empty() {
            let _ = writeln!(out, "    ELEMENTS = {{{}}}", elements.join(", "));
        }
        if !found.types.is_empty() {
            let types: Vec<_> = found.types.iter().map(|(name, ty)| format!("\"{name}\": \"{ty}\"")).collect();
            let _ = writeln!(out, "    TYPES = {{{}}}", types.join(", "));
        }
        for (field, ty) in &found.fields {
            let typed = self.field(found, field, ty);
            names.extend(typed.names);
            let _ = writeln!(out, "    {field}: {}", typed.text);
        }
        (out, names)
    }

    /// The field whose type stands for a parameter: its own, or one of a struct in a field that has the same parameter.
    fn standing_for(&self, found: &Struct, parameter: &str) -> Option<String> {
        let own = found.fields.iter().find(|(_, ty)| text(ty) == parameter);
        own.map(|(field, _)| field.clone()).or_else(|| {
            found.fields.iter().find_map(|(field, ty)| {
                let path = path_of(ty)?;
                let at = arguments(&path).iter().position(|argument| text(argument) == parameter)?;
                let inner = self.declared.resolve(self.source, &found.room, &path)?;
                let inner = self.declared.structs.get(&inner)?;
                Some(format!("{field}.{}", self.standing_for(inner, inner.parameters.get(at)?)?))
            })
        })
    }

    /// The rooms that name a type, its own first.
    fn rooms(&self, name: &Name) -> Vec<String> {
        let mut rooms = vec![name.0.clone()];
        let mut index = 0;
        // A room may re-export what another one re-exports.
        while let Some(named) = rooms.get(index).cloned() {
            let last = named.rsplit("::").next();
            for key in self
                .source
                .exports
                .iter()
                .filter(|(room, other)| *other == name.1 && !rooms.contains(room))
                .cloned()
                .collect::<Vec<_>>()
            {
                if self.source.uses.get(&key).map(String::as_str) == last && !rooms.contains(&key.0) {
                    rooms.push(key.0);
                }
            }
            index += 1;
        }
        rooms.iter().map(|room| home(room)).collect()
    }

    /// What a kernel is called for each of its arguments.
    fn paths(&mut self, found: &Struct, names: &mut Vec<Name>) -> Vec<String> {
        let own = (found.room.clone(), found.name.clone());
        let mut paths = Vec::new();
        for run in &found.runs {
            names.extend(run.iter().cloned());
            let given: Vec<_> = run.iter().map(|(_, name)| name.clone()).collect();
            let spelled = self.alias(&own, found, &given).unwrap_or_else(|| spelled(&own, &given));
            paths.push(format!("{}: \"{spelled}\"", tuple(&given)));
        }
        paths
    }

    /// The alias that stands for a struct with these arguments.
    fn alias(&self, own: &Name, found: &Struct, given: &[String]) -> Option<String> {
        self.declared.aliases.iter().find_map(|((room, name), (generics, ty))| {
            let path = path_of(ty)?;
            if self.declared.resolve(self.source, room, &path)? != *own {
                return None;
            }
            let free: Vec<_> = generics.type_params().map(|p| p.ident.to_string()).collect();
            let arguments: Vec<_> = arguments(&path).iter().filter_map(path_of).collect();
            let mut rest = Vec::new();
            for (argument, given) in arguments.iter().zip(given) {
                let last = argument.segments.last()?.ident.to_string();
                if free.contains(&last) {
                    rest.push(given.clone());
                } else if last != *given {
                    return None;
                }
            }
            (arguments.len() == found.parameters.len()).then(|| spelled(&(room.clone(), name.clone()), &rest))
        })
    }

    /// What regions, operands and slices hold.
    fn elements(&mut self, found: &Struct) -> Vec<String> {
        let mut elements = Vec::new();
        for (field, ty) in &found.fields {
            let held = match text(ty).as_str() {
                "Region" if field == "scratch" || found.name == "Image" => None,
                "Region" | "Image" => {
                    let known = found.elements.get(field).cloned();
                    if known.is_none() {
                        self.problems
                            .push(format!("{}::{}: `check` does not say what `{field}` holds", found.room, found.name));
                    }
                    known
                }
                _ => slice(ty).or_else(|| operand(ty)).map(|held| text(&held)),
            };
            if let Some(held) = held {
                elements.push(format!("\"{field}\": \"{held}\""));
            } else {
                self.inside(found, field, ty, &mut elements);
            }
        }
        elements
    }

    /// Whether a struct, or one in a field of it, has a field.
    fn has(&self, found: &Struct, field: &str) -> bool {
        found.fields.iter().any(|(name, ty)| {
            let inner = || {
                let name = self.declared.resolve(self.source, &found.room, &path_of(ty)?)?;
                self.declared.structs.get(&name)
            };
            name == field || inner().is_some_and(|inner| inner.fields.iter().any(|(name, _)| name == field))
        })
    }

    /// What a struct in a field holds, where that follows from the types that the field, or its `check`, is given.
    fn inside(&self, found: &Struct, field: &str, ty: &Type, elements: &mut Vec<String>) {
        let Some(path) = path_of(ty) else { return };
        let Some(name) = self.declared.resolve(self.source, &found.room, &path) else { return };
        let Some(inner) = self.declared.structs.get(&name) else { return };
        let given = found.given.get(field).cloned().unwrap_or_default();
        let own: Vec<_> = arguments(&path).iter().map(text).collect();
        let known: BTreeMap<_, _> = inner.checked.iter().zip(given).chain(inner.parameters.iter().zip(own)).collect();
        for (name, ty) in &inner.fields {
            let held = inner.elements.get(name).cloned().or_else(|| slice(ty).map(|held| text(&held)));
            if let Some(held) = held.and_then(|held| known.get(&held)) {
                elements.push(format!("\"{field}.{name}\": \"{held}\""));
            }
        }
    }

    fn field(&mut self, found: &Struct, field: &str, ty: &Type) -> Typed {
        let plain = |text: &str| Typed { text: text.to_owned(), names: Vec::new() };
        if let Some(held) = slice(ty) {
            let element = path_of(&held).and_then(|path| self.declared.resolve(self.source, &found.room, &path));
            let is_packed =
                element.as_ref().and_then(|name| self.declared.structs.get(name)).is_none_or(|s| s.is_element);
            if is_packed {
                return plain("Packed");
            }
            let inner = self.field(found, field, &held);
            return Typed { text: format!("tuple[{}, ...]", inner.text), names: inner.names };
        }
        if let Type::Array(array) = ty {
            let inner = self.field(found, field, &array.elem);
            let length = text(&array.len);
            let constant = || self.declared.constants.get(&(found.room.clone(), length.clone())).copied();
            let Some(count) = length.parse().ok().or_else(constant) else {
                self.problems.push(format!("{}::{}: the length `{length}` is not known", found.room, found.name));
                return inner;
            };
            return Typed { text: format!("tuple[{}]", vec![inner.text; count].join(", ")), names: inner.names };
        }
        let name = text(ty);
        match name.as_str() {
            "bool" => return plain("bool"),
            "f32" => return plain("float"),
            "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" => return plain("int"),
            "Axis" => return plain("Axis"),
            "Region" => return plain(if field == "scratch" { "Scratch" } else { "Operand" }),
            _ if operand(ty).is_some() => return plain("Source"),
            _ if name.contains("::") => return plain("int"),
            _ => {}
        }
        if let Some(at) = found.parameters.iter().position(|parameter| *parameter == name) {
            let names: BTreeSet<_> = found.runs.iter().map(|run| run[at].clone()).collect();
            let text: Vec<_> = names.iter().map(|(_, name)| name.clone()).collect();
            return Typed { text: text.join(" | "), names: names.into_iter().collect() };
        }
        let resolved = path_of(ty).and_then(|path| self.declared.resolve(self.source, &found.room, &path));
        let Some(name) = resolved else {
            self.problems.push(format!("{}::{}: the type `{name}` is not known", found.room, found.name));
            return plain("int");
        };
        match self.declared.aliases.get(&name) {
            Some((_, target)) => self.field(found, field, target),
            None => Typed { text: name.1.clone(), names: vec![name] },
        }
    }
}

/// The first paragraph of a documentation, links as plain text.
fn summary(doc: &str) -> String {
    let paragraph = doc.split("\n\n").next().unwrap_or_default();
    paragraph.replace('\n', " ").replace("[`", "`").replace("`]", "`").replace("super::", "").replace('\\', "")
}

/// The element of a `&'static [T]`.
fn slice(ty: &Type) -> Option<Type> {
    let Type::Reference(reference) = ty else { return None };
    if let Type::Slice(slice) = &*reference.elem { Some((*slice.elem).clone()) } else { None }
}

/// The element of a `Source<T>`.
fn operand(ty: &Type) -> Option<Type> {
    let path = path_of(ty)?;
    if path.segments.last()?.ident == "Source" { arguments(&path).first().cloned() } else { None }
}

fn spelled(name: &Name, arguments: &[String]) -> String {
    let list = if arguments.is_empty() { String::new() } else { format!("<{}>", arguments.join(", ")) };
    format!("{}::{}{list}", name.0, name.1)
}

/// Under what the crate has a room.
fn home(room: &str) -> String {
    if HOMES.contains(&room) { room.to_owned() } else { format!("kernels::{room}") }
}

fn module_of(room: &str) -> String {
    room.replace("::", "_")
}

/// `FarShort` -> `FAR_SHORT`.
fn shout(name: &str) -> String {
    let mut out = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            out.push('_');
        }
        out.extend(letter.to_uppercase());
    }
    out
}

fn tuple(words: &[String]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    format!("({}{})", quoted.join(", "), if quoted.len() == 1 { "," } else { "" })
}

/// Returns the text of a module.
fn module(room: &str, classes: &[(&Name, &(String, Vec<Name>))], names: &BTreeSet<&Name>) -> String {
    let body: Vec<_> = classes.iter().map(|(_, (text, _))| text.as_str()).collect();
    let body = body.join("\n\n");
    let mut out = format!(
        "\"\"\"The runtime crate's `{}`: generated by `nox -s kernels`, do not edit.\"\"\"\n\nfrom __future__ import annotations\n\n",
        home(room)
    );
    let lines = imports(room, &body, names);
    if !lines.is_empty() {
        out.push_str("from typing import TYPE_CHECKING\n");
    }
    let at_run_time: Vec<_> =
        ["Access", "Choice", "Kernel", "Part", "Variant"].into_iter().filter(|w| is_named(&body, w)).collect();
    if !at_run_time.is_empty() {
        let _ = writeln!(out, "\nfrom ariel_build.kernels.kernel import {}", at_run_time.join(", "));
    }
    if !lines.is_empty() {
        let _ = writeln!(out, "\nif TYPE_CHECKING:\n{}", lines.join("\n"));
    }
    let all: BTreeSet<_> = classes.iter().map(|(name, _)| name.1.clone()).collect();
    let all: Vec<_> = all.iter().map(|name| format!("    \"{name}\",\n")).collect();
    let _ = write!(out, "\n__all__ = [\n{}]\n\n\n{body}", all.concat());
    out
}

/// The imports that only type checkers need.
fn imports(room: &str, body: &str, names: &BTreeSet<&Name>) -> Vec<String> {
    let mut lines = Vec::new();
    let own: Vec<_> =
        ["Axis", "Operand", "Packed", "Scratch", "Source"].into_iter().filter(|w| is_named(body, w)).collect();
    if !own.is_empty() {
        lines.push(format!("    from ariel_build.kernels.kernel import {}", own.join(", ")));
    }
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (other, name) in names.iter().filter(|name| name.0 != room && !BY_HAND.contains(&name.1.as_str())) {
        rooms.entry(module_of(other)).or_default().insert(name.clone());
    }
    for (module, names) in rooms {
        let names: Vec<_> = names.into_iter().collect();
        lines.push(format!("    from ariel_build.kernels.declared.{module} import {}", names.join(", ")));
    }
    lines
}

/// Whether a word stands in an annotation or as a base.
fn is_named(body: &str, word: &str) -> bool {
    body.split(|c: char| !c.is_alphanumeric() && c != '_').any(|other| other == word)
}
