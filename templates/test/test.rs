{{mark}}
//! What the model `{{module}}` ({{path}}) answers to {{samples}} recorded samples, by {{judge}}.

use ariel_ml_rs::Tensor;

ariel_ml_rs::include_models!();

/// Samples one behind the other: the inputs as they are stored, then what each output should be, little-endian.
static RECORD: &[u8] = include_bytes!("ariel_{{module}}.bin");

#[test]
fn {{module}}_answers_as_recorded() {
    let mut model = ariel_ml_rs::wire!({{module}}).expect("wired once");
    let mut record = RECORD;
    for sample in 0..{{samples}} {
        let input = model.input_mut();
        for part in 0..<{{module}}::Input as Tensor>::PARTS {
            let bytes = input.part_mut(part);
            bytes.copy_from_slice(take(&mut record, bytes.len()));
        }
        let output = model.run().expect("no budget to exceed");
        {{compare}}
    }
    assert!(record.is_empty(), "the record is of another model: run `cargo ariel test` again");
}

/// The next bytes of the record.
fn take<'record>(record: &mut &'record [u8], count: usize) -> &'record [u8] {
    let (taken, rest) = record.split_at_checked(count).expect("the record is of another model: run `cargo ariel test` again");
    *record = rest;
    taken
}

{{helpers}}
