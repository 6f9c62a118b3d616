//! What programs are refused, how they print, and that results don't depend on threads.

use super::super::*;
use super::random::Draws;

#[test]
fn what_is_no_program_is_refused() {
    let mut program = Program::default();
    let x = program.load(Format::F32);
    program.step(Operation::Add, &[x]);
    assert_eq!(Compiled::new(&program).err(), Some(ProgramError::Arity { step: 0, found: 1, expected: 2 }));

    let mut program = Program::default();
    let x = program.load(Format::F32);
    program.step(Operation::Add, &[x, Operand::Step(0)]);
    assert_eq!(Compiled::new(&program).err(), Some(ProgramError::Operand { step: 0, operand: 1 }));

    let mut program = Program::default();
    program.store(Operand::Constant(1.0), Format::F32);
    assert_eq!(Compiled::new(&program).err(), Some(ProgramError::Store { store: 0 }));
    program.stores[0].value = Operand::Load(0);
    assert_eq!(Compiled::new(&program).err(), Some(ProgramError::Store { store: 0 }));
    program.load(Format::I32);
    program.stores[0].format = Format::I32;
    assert_eq!(Compiled::new(&program).err(), Some(ProgramError::StoreFormat { store: 0, format: Format::I32 }));

    let mut program = Program::default();
    for _ in 0..MAX_LOADS + 1 {
        program.load(Format::F32);
    }
    assert!(matches!(Compiled::new(&program).err(), Some(ProgramError::TooLarge { loads: 17, .. })));
}

#[test]
fn an_empty_program_does_nothing() {
    Compiled::new(&Program::default()).unwrap().run(Space { rows: &[3], columns: 5 }, &[], &mut []);
}

#[test]
fn softmax_prints() {
    let expected = "l0 = load f16\ns0 = row_max l0\ns1 = sub l0, s0\ns2 = exp s1\ns3 = row_sum s2\ns4 = div s2, s3\n\
                    store s4 as f16\n";
    assert_eq!(named::softmax(Format::F16).to_string(), expected);
}

#[test]
fn names_and_arities_are_those_of_no_other_operation() {
    for (place, operation) in Operation::ALL.iter().enumerate() {
        assert!((1..=3).contains(&operation.arity()));
        assert!(!Operation::ALL[..place].iter().any(|other| other.name() == operation.name()));
    }
}

#[test]
fn threads_change_no_bit() {
    let draws = &mut Draws::new(3);
    let (rows, columns) = (301, 1031);
    let x: Vec<f32> = (0..rows * columns).map(|_| (draws.bits() as f32 / 1e9) - 2.0).collect();
    for program in [named::softmax(Format::F32), named::gelu(Format::F32)] {
        let compiled = Compiled::new(&program).unwrap();
        let run = |row_sizes: &[usize], columns: usize, strides: &[isize]| {
            let mut result = vec![0f32; x.len()];
            let load = Source { data: Data::F32(&x), offset: 0, row_strides: strides, column_stride: 1 };
            let store =
                Destination { data: DataMut::F32(&mut result), offset: 0, row_strides: strides, column_stride: 1 };
            compiled.run(Space { rows: row_sizes, columns }, &[load], &mut [store]);
            result
        };
        let many = run(&[rows], columns, &[columns as isize]);
        let one = glassbox_tensor::on_one_thread(|| run(&[rows], columns, &[columns as isize]));
        assert!(many == one);
        if program.is_elementwise() {
            assert!(many == run(&[], rows * columns, &[]));
        }
    }
}

#[test]
#[should_panic(expected = "elements from 0 to 11 of 11")]
fn a_source_that_is_too_short_is_refused() {
    let compiled = Compiled::new(&named::silu(Format::F32)).unwrap();
    let load = Source { data: Data::F32(&[0.0; 11]), offset: 0, row_strides: &[4], column_stride: 1 };
    let store = Destination { data: DataMut::F32(&mut [0.0; 12]), offset: 0, row_strides: &[4], column_stride: 1 };
    compiled.run(Space { rows: &[3], columns: 4 }, &[load], &mut [store]);
}

#[test]
#[should_panic(expected = "two elements are written to one place")]
fn a_destination_whose_rows_overlap_is_refused() {
    let compiled = Compiled::new(&named::silu(Format::F32)).unwrap();
    let load = Source { data: Data::F32(&[0.0; 12]), offset: 0, row_strides: &[4], column_stride: 1 };
    let store = Destination { data: DataMut::F32(&mut [0.0; 12]), offset: 0, row_strides: &[3], column_stride: 1 };
    compiled.run(Space { rows: &[3], columns: 4 }, &[load], &mut [store]);
}
