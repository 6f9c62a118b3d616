//! What packages say, and what they say when they can't.

use glassbox_runtime::{Device, ModelLoader, ModelPackage, ModelParts, Simulator};
use glassbox_tensor::Tensor;

use super::{PROGRAM, graph, message, package};
use crate::root;

#[test]
fn sizes_and_metadata_are_had_by_name() {
    let package = package();
    assert_eq!(package.size_of("B").expect("a size"), 4);
    assert_eq!(package.meta::<usize>("n_layers").expect("a number"), 3);
    assert_eq!(package.meta::<i32>("small").expect("a number"), -1);
    assert_eq!(package.meta::<f32>("eps").expect("a number"), 0.5);
    assert_eq!(package.meta::<f64>("n_layers").expect("a number"), 3.0);
    assert_eq!(package.meta::<String>("name").expect("text"), "tiny");
    assert!(package.meta::<bool>("tied").expect("a bool"));
    assert_eq!(package.meta::<Vec<i64>>("heads").expect("a list"), [2, 4]);
    assert_eq!(package.meta::<Vec<String>>("words").expect("a list"), ["a", "b"]);
    assert!(package.params().load("W").is_ok());
}

#[test]
fn what_a_package_has_not_is_said_with_what_it_has() {
    let package = package();
    assert_eq!(message(package.size_of("b_size")), "tiny: there is no size named `b_size`; there are `B`, `D`");
    assert_eq!(
        message(package.meta::<usize>("n_layer")),
        "tiny: there is no metadata named `n_layer`; did you mean `n_layers`?"
    );
    assert_eq!(
        message(package.meta::<u32>("name")),
        "tiny: the metadata \"name\" is \"tiny\", of type string, not a u32"
    );
    assert_eq!(
        message(package.meta::<u64>("small")),
        "tiny: the metadata \"small\" is -1, of type i64, which doesn't fit in a u64"
    );
    assert_eq!(
        message(package.meta::<Vec<i64>>("n_layers")),
        "tiny: the metadata \"n_layers\" is 3, of type u32, not a list of i64"
    );
    assert_eq!(
        message(ModelPackage::empty().size_of("D")),
        "the empty package: there is no size named `D`; there is none at all"
    );
    let twice = || ("W".to_owned(), Tensor::scalar(1u8));
    let parts = ModelParts { tensors: vec![twice(), twice()], ..ModelParts::default() };
    assert_eq!(message(ModelPackage::of("p", parts)), "p: two parameters are named `W`; names are unique");
    let parts = ModelParts { sizes: vec![("D".to_owned(), 1), ("D".to_owned(), 1)], ..ModelParts::default() };
    assert_eq!(message(ModelPackage::of("p", parts)), "p: two sizes are named `D`; names are unique");
}

#[test]
fn a_program_whose_parameters_are_missing_is_refused() {
    let error = message(Simulator::new(&ModelPackage::empty(), &graph(PROGRAM), Device::Reference));
    assert!(error.contains("there is no parameter named \"W\""), "{error}");
    let tensors = vec![("W".to_owned(), Tensor::from_vec(&[3], vec![0f32; 3]).expect("sizes fit"))];
    let wrong = ModelPackage::of("p", ModelParts { tensors, ..ModelParts::default() }).expect("a package");
    let error = message(Simulator::new(&wrong, &graph(PROGRAM), Device::Cpu));
    assert!(error.contains("parameter \"W\" is f32[3], the graph says f32[2]"), "{error}");
}

#[test]
fn files_are_packages() {
    let package = ModelLoader::open(root().join("models/stories-gpt2/model.oinf")).unwrap_or_else(|e| panic!("{e}"));
    assert!(package.package().is_some() && package.name().ends_with("model.oinf"));
    let names: Vec<String> = package.params().params().iter().map(|info| info.name.clone()).collect();
    assert!(names.contains(&"transformer.wte.weight".to_owned()), "{names:?}");
    let error = message(ModelLoader::open("no/such/file.oinf"));
    assert!(error.contains("no/such/file.oinf"), "{error}");
}

#[test]
fn devices_have_names() {
    assert!(Device::all().any(|device| device == Device::Cpu));
    for device in Device::all() {
        assert_eq!(device.to_string().parse::<Device>().ok(), Some(device));
    }
    let error = "gpu".parse::<Device>().expect_err("no such device").to_string();
    assert!(error.starts_with("no backend is named `gpu`; there are `cpu`, `reference`"), "{error}");
}
