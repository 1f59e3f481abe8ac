//! The attributes `thread` and `task`, with the parameters that Ariel OS 0.5 documents for them, and its way to collect threads.

use proc_macro::{TokenStream, TokenTree};

/// Starts the function as a thread.
#[proc_macro_attribute]
pub fn thread(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let (mut stack_bytes, mut priority, mut affinity) = ("2048".into(), "1".into(), "None".into());
    let mut autostart = false;
    for (name, value) in parameters(arguments) {
        match (name.as_str(), value) {
            ("autostart", None) => autostart = true,
            ("stacksize", Some(value)) => stack_bytes = value,
            ("priority", Some(value)) => priority = value,
            ("affinity", Some(value)) => affinity = format!("Some({value})"),
            _ => panic!("unknown parameter `{name}`"),
        }
    }
    assert!(autostart, "the `autostart` parameter must be provided");
    let name = function(&item);
    let started = format!(
        "#[::ariel_os::linkme::distributed_slice(::ariel_os::thread::THREAD_FNS)]
        #[linkme(crate = ::ariel_os::linkme)]
        fn __start_thread_{name}() {{
            ::ariel_os::thread::create_noarg({name}, vec_of::<{{ {stack_bytes} }}>(), {priority}, {affinity});
            fn vec_of<const BYTES: usize>() -> &'static mut [u8] {{
                ::ariel_os::stack(BYTES)
            }}
        }}"
    );
    both(item, &started)
}

/// Runs the function as an async task.
#[proc_macro_attribute]
pub fn task(arguments: TokenStream, item: TokenStream) -> TokenStream {
    assert_eq!(parameters(arguments), [("autostart".to_owned(), None)], "only `autostart` is known here");
    let name = function(&item);
    let started = format!(
        "#[::ariel_os::linkme::distributed_slice(::ariel_os::thread::THREAD_FNS)]
        #[linkme(crate = ::ariel_os::linkme)]
        fn __start_task_{name}() {{
            ::ariel_os::run_task(|| ::ariel_os::embassy_futures::block_on({name}()));
        }}"
    );
    both(item, &started)
}

/// `name` and `name = value`, separated by commas.
fn parameters(arguments: TokenStream) -> Vec<(String, Option<String>)> {
    let mut parts = vec![vec![]];
    for token in arguments {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == ',' => parts.push(vec![]),
            _ => parts.last_mut().unwrap().push(token),
        }
    }
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(|part| {
            let value = (part.len() > 2).then(|| part[2..].iter().cloned().collect::<TokenStream>().to_string());
            (part[0].to_string(), value)
        })
        .collect()
}

/// The name of the function.
fn function(item: &TokenStream) -> String {
    let mut tokens = item.clone().into_iter().skip_while(|token| token.to_string() != "fn");
    tokens.nth(1).expect("a function has a name").to_string()
}

fn both(item: TokenStream, more: &str) -> TokenStream {
    let more: TokenStream = more.parse().unwrap();
    item.into_iter().chain(more).collect()
}
