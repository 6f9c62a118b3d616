//! The image classifier that comes with Glassbox as formulas, held against what is imported from its ONNX file.

use glassbox_exec::{Options, RunContext};
use glassbox_onnx::{ImportOptions, Model, import, load};
use glassbox_runtime::dsl::{Formula, Output};
use glassbox_runtime::{ModelPackage, ModelParts, Random, graph};
use glassbox_tensor::Tensor;
use glassbox_weights::Metadata;

use super::{executor, root, same_bits};

/// Its parameters, under the names that the file has.
fn parameters(model: &Model) -> ModelPackage {
    let (sizes, metadata) = (Vec::new(), Metadata::default());
    ModelPackage::of("shapes", ModelParts { tensors: model.graph.initializers.clone(), sizes, metadata }).unwrap()
}

fn network(model: &ModelPackage) -> (Formula, Output) {
    // ONNX has attributes in f32, and this is the 1e-5 of the file.
    let epsilon = f64::from(1e-5f32);
    graph! {
        model: model,
        inputs: { image: u8[N, 64, 64, 3] },

        let pixels = transpose(image, perm=[0, 3, 1, 2]) |> cast(f32);
        let x = (pixels - model["input/centre.offset"]) / model["input/scale.spread"];

        let x = conv(x, model["block1/conv.weight"], pads=[1, 1, 1, 1], strides=[2, 2]);
        let x = relu(batch_normalization(
            x, model["block1/norm.scale"], model["block1/norm.bias"],
            model["block1/norm.mean"], model["block1/norm.variance"], epsilon=epsilon
        ));

        let x = for n in 2..4 {
            let y = conv(x, model[format!("block{n}/conv.weight")], pads=[1, 1, 1, 1]);
            let y = relu(batch_normalization(
                y, model[format!("block{n}/norm.scale")], model[format!("block{n}/norm.bias")],
                model[format!("block{n}/norm.mean")], model[format!("block{n}/norm.variance")], epsilon=epsilon
            ));
            x = max_pool(y, kernel_shape=[2, 2], strides=[2, 2]);
        };

        let y = conv(x, model["block4/depthwise.weight"], pads=[1, 1, 1, 1], group=48);
        let y = relu(batch_normalization(
            y, model["block4/depthwise_norm.scale"], model["block4/depthwise_norm.bias"],
            model["block4/depthwise_norm.mean"], model["block4/depthwise_norm.variance"], epsilon=epsilon
        ));
        let y = conv(y, model["block4/pointwise.weight"]);
        let x = relu(batch_normalization(
            y, model["block4/pointwise_norm.scale"], model["block4/pointwise_norm.bias"],
            model["block4/pointwise_norm.mean"], model["block4/pointwise_norm.variance"], epsilon=epsilon
        ));

        let y = conv(x, model["block5/conv.weight"], pads=[1, 1, 1, 1]);
        let y = batch_normalization(
            y, model["block5/norm.scale"], model["block5/norm.bias"],
            model["block5/norm.mean"], model["block5/norm.variance"], epsilon=epsilon
        );
        let x = relu(y + x);

        let features = flatten(global_average_pool(x), axis=1);
        let scores = gemm(features, model["head/linear.weight"], model["head/linear.bias"]);
        let probabilities = softmax(scores, axis=-1);
        output probabilities;
    }
}

#[test]
fn formulas_give_the_bits_of_the_imported_network() {
    let file = load(&root().join("models/shapes/shapes.onnx")).unwrap_or_else(|error| panic!("{error}"));
    let imported = import(&file, &ImportOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    let mut session = glassbox_backends::testing::session(imported.graph, &Options::default()).unwrap();

    let model = parameters(&file);
    let (program, probabilities) = network(&model);
    let mut run = executor(&model, &program);
    let random = |seed, images: usize| -> Tensor {
        Random::<u8>::generate_with_seed(seed, (0, 255), &[images, 64, 64, 3]).unwrap()
    };
    // One image and two: `N` is free.
    for image in [random(1, 1), random(2, 2)] {
        let wanted: Vec<f32> =
            session.run(&[image.clone().into()], RunContext::new()).unwrap()[0].as_tensor().unwrap().to_vec().unwrap();
        run.insert("image", image).unwrap();
        run.run_step().unwrap_or_else(|error| panic!("{error}"));
        same_bits(&run.fetch::<Vec<f32>>(probabilities.name()).unwrap(), &wanted, "probabilities");
    }
}
