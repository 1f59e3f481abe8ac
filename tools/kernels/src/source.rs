//! The sources of the runtime crate as one list of items, each with the room that names it: modules opened, macros expanded.

use crate::macros::Macro;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Item, Lit, Meta, Token, UseTree, Visibility};

/// An item, and where it stands.
#[derive(Debug)]
pub struct Placed {
    /// The room through which the crate's users name it, such as `conv2d`, `isa::packed` or `quant`.
    pub room: String,
    pub item: Item,
    /// The features of the crate without which it is not compiled.
    pub features: BTreeSet<String>,
}

/// All items, and the names that rooms have from others: `binary` names `Broadcast` of `broadcast`.
#[derive(Debug, Default)]
pub struct Source {
    pub items: Vec<Placed>,
    /// (room, name) of what is imported -> the last word of the module that it is from.
    pub uses: BTreeMap<(String, String), String>,
    /// (room, name) of what a room re-exports.
    pub exports: Vec<(String, String)>,
    /// Macros that are named by path, from anywhere.
    macros: BTreeMap<String, Macro>,
}

impl Source {
    /// Reads the kernels and what they are made of from the folder `src` of the crate.
    pub fn read(src: &Path) -> Self {
        let mut source = Self::default();
        source.shared_macros(&src.join("kernels"));
        for module in ["memory", "quant", "tile"] {
            source.file(&src.join(module).with_extension("rs"), &[module.to_owned()], &[], &BTreeSet::new());
        }
        source.file(&src.join("kernels/mod.rs"), &["kernels".to_owned()], &[], &BTreeSet::new());
        source
    }

    /// Takes the macros of all files of a folder.
    fn shared_macros(&mut self, folder: &Path) {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                self.shared_macros(&path);
            } else {
                for item in parsed(&path).items {
                    if let Some((name, found)) = defined(&item) {
                        self.macros.entry(name).or_insert(found);
                    }
                }
            }
        }
    }

    /// Reads a file; `outer` are the macros of the modules around it, `features` those without which it is not compiled.
    fn file(&mut self, path: &Path, module: &[String], outer: &[(String, Macro)], features: &BTreeSet<String>) {
        let mut macros = outer.to_vec();
        self.items(parsed(path).items, path, module, &mut macros, features);
    }

    fn items(
        &mut self,
        items: Vec<Item>,
        path: &Path,
        module: &[String],
        macros: &mut Vec<(String, Macro)>,
        features: &BTreeSet<String>,
    ) {
        let room = room(module);
        macros.extend(items.iter().filter_map(defined));
        for item in items {
            match item {
                Item::Mod(inner) => {
                    let name = inner.ident.to_string();
                    if inner.content.is_none() && name != "tests" {
                        let module: Vec<_> = module.iter().cloned().chain([name.clone()]).collect();
                        self.file(&file_of(path, &name), &module, macros, &with_features(features, &inner.attrs));
                    }
                }
                Item::Macro(call) if call.mac.path.is_ident("macro_rules") => {}
                Item::Macro(call) => {
                    let name = call.mac.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
                    // Macros that are not found make no kernels, or the test of kernels without a declaration finds it.
                    let near = macros.iter().rev().find(|(known, _)| *known == name).map(|(_, found)| found);
                    let known = near.or_else(|| self.macros.get(&name));
                    let expanded = known.and_then(|found| found.expand(&call.mac.tokens));
                    if let Some(file) = expanded.and_then(|tokens| syn::parse2::<syn::File>(tokens).ok()) {
                        self.items(file.items, path, module, macros, &with_features(features, &call.attrs));
                    }
                }
                Item::Use(names) => {
                    let exported = matches!(names.vis, Visibility::Public(_));
                    self.names(&names.tree, &room, "", exported);
                }
                item => {
                    let attributes = match &item {
                        Item::Struct(item) => &item.attrs[..],
                        Item::Impl(item) => &item.attrs,
                        _ => &[],
                    };
                    let features = with_features(features, attributes);
                    self.items.push(Placed { room: room.clone(), item, features });
                }
            }
        }
    }

    /// Takes what a `use` names; `module` is the word before.
    fn names(&mut self, tree: &UseTree, room: &str, module: &str, exported: bool) {
        match tree {
            UseTree::Path(path) => self.names(&path.tree, room, &path.ident.to_string(), exported),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.names(item, room, module, exported)),
            UseTree::Name(name) => {
                let key = (room.to_owned(), name.ident.to_string());
                // What a module of the room takes from the room itself says nothing.
                if exported {
                    self.exports.push(key.clone());
                    self.uses.insert(key, module.to_owned());
                } else {
                    self.uses.entry(key).or_insert_with(|| module.to_owned());
                }
            }
            UseTree::Rename(_) | UseTree::Glob(_) => {}
        }
    }
}

/// The items of a file.
fn parsed(path: &Path) -> syn::File {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The features, and those that attributes add: `#[cfg(feature = "float")]`, or several in `all`.
fn with_features(features: &BTreeSet<String>, attributes: &[Attribute]) -> BTreeSet<String> {
    let own = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let metas = own.filter_map(|attribute| attribute.parse_args::<Meta>().ok());
    features.iter().cloned().chain(metas.flat_map(|meta| named(&meta))).collect()
}

/// The features that a predicate asks for.
fn named(meta: &Meta) -> Vec<String> {
    match meta {
        Meta::NameValue(pair) if pair.path.is_ident("feature") => {
            let Expr::Lit(literal) = &pair.value else { return Vec::new() };
            if let Lit::Str(name) = &literal.lit { vec![name.value()] } else { Vec::new() }
        }
        Meta::List(list) if list.path.is_ident("all") => {
            let inner = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            inner.iter().flatten().flat_map(named).collect()
        }
        _ => Vec::new(),
    }
}

/// The macro that an item defines.
fn defined(item: &Item) -> Option<(String, Macro)> {
    let Item::Macro(call) = item else { return None };
    Some((call.ident.as_ref()?.to_string(), Macro::new(call.mac.tokens.clone())?))
}

/// Where the module `name` of the file at `path` lies.
fn file_of(path: &Path, name: &str) -> PathBuf {
    let folder = if path.ends_with("mod.rs") { path.with_file_name("") } else { path.with_extension("") };
    let file = folder.join(name).with_extension("rs");
    if file.exists() { file } else { folder.join(name).join("mod.rs") }
}

/// Folders whose modules are rooms; what is in the modules of others is re-exported from there.
const OF_ROOMS: [&str; 1] = ["isa"];

/// The room of a module.
fn room(module: &[String]) -> String {
    let words = if module.first().is_some_and(|first| first == "kernels") { &module[1..] } else { module };
    let depth = if words.first().is_some_and(|first| OF_ROOMS.contains(&first.as_str())) { 2 } else { 1 };
    words[..depth.min(words.len())].join("::")
}
