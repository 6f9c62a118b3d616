"""Every estimator of scikit-learn that skl2onnx converts, and trees of LightGBM and XGBoost."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy
import skl2onnx
import sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.base import is_classifier, is_outlier_detector

warnings.filterwarnings("ignore")

ROWS, COLUMNS, CLASSES = 90, 6, 3
OPSETS = {"": 18, "ai.onnx.ml": 3}

BINARY = ("GaussianProcessClassifier", "TunedThresholdClassifierCV")
"""Those that tell two classes apart only, or that are converted for two only."""
BY_CLASSES = ("NeighborhoodComponentsAnalysis", "SelectFromModel", "GenericUnivariateSelect", "SelectPercentile")
BY_CLASSES += ("SelectFdr", "SelectFpr", "SelectFwe", "SelectKBest")
"""Those that are no classifiers but learn from classes."""

WRAPPERS: dict[str, str] = {
    "BaggingClassifier": "LogisticRegression()",
    "BaggingRegressor": "LinearRegression()",
    "CalibratedClassifierCV": "LogisticRegression()",
    "GridSearchCV": "LogisticRegression(), {'C': [0.5, 1.0]}",
    "OneVsOneClassifier": "LogisticRegression()",
    "OneVsRestClassifier": "LogisticRegression()",
    "OutputCodeClassifier": "LogisticRegression()",
    "MultiOutputClassifier": "LogisticRegression()",
    "MultiOutputRegressor": "LinearRegression()",
    "RANSACRegressor": "LinearRegression()",
    "RFE": "LogisticRegression()",
    "RFECV": "LogisticRegression()",
    "SelectFromModel": "LogisticRegression()",
    "TunedThresholdClassifierCV": "LogisticRegression()",
    "SequentialFeatureSelector": "LogisticRegression()",
    "TransformedTargetRegressor": "LinearRegression()",
    "StackingClassifier": "[('a', LogisticRegression()), ('b', DecisionTreeClassifier(max_depth=3))]",
    "StackingRegressor": "[('a', LinearRegression()), ('b', DecisionTreeRegressor(max_depth=3))]",
    "VotingClassifier": "[('a', LogisticRegression()), ('b', DecisionTreeClassifier(max_depth=3))], voting='soft', flatten_transform=False",
    "VotingRegressor": "[('a', LinearRegression()), ('b', DecisionTreeRegressor(max_depth=3))]",
    "ColumnTransformer": "[('a', StandardScaler(), [0, 1, 2]), ('b', MinMaxScaler(), [3, 4])]",
    "FeatureUnion": "[('a', StandardScaler()), ('b', PCA(2))]",
    "Pipeline": "[('a', StandardScaler()), ('b', PCA(3)), ('c', LogisticRegression())]",
}
"""What estimators that wrap others are made with."""

OPTIONS: dict[str, dict[str, Any]] = {
    "RandomForestClassifier": {"n_estimators": 5},
    "RandomForestRegressor": {"n_estimators": 5},
    "ExtraTreesClassifier": {"n_estimators": 5},
    "ExtraTreesRegressor": {"n_estimators": 5},
    "GradientBoostingClassifier": {"n_estimators": 5},
    "GradientBoostingRegressor": {"n_estimators": 5},
    "HistGradientBoostingClassifier": {"max_iter": 5},
    "HistGradientBoostingRegressor": {"max_iter": 5},
    "AdaBoostClassifier": {"n_estimators": 4},
    "AdaBoostRegressor": {"n_estimators": 4},
    "IsolationForest": {"n_estimators": 5},
    "MLPClassifier": {"max_iter": 20, "hidden_layer_sizes": (8,)},
    "MLPRegressor": {"max_iter": 20, "hidden_layer_sizes": (8,)},
    "SVC": {"probability": True},
    "NuSVC": {"probability": True},
    "KMeans": {"n_clusters": 3, "n_init": 1},
    "MiniBatchKMeans": {"n_clusters": 3, "n_init": 1},
    "BisectingKMeans": {"n_clusters": 3},
    "KBinsDiscretizer": {"n_bins": 3, "encode": "onehot-dense"},
    "NeighborhoodComponentsAnalysis": {"max_iter": 3},
    "OneHotEncoder": {"sparse_output": False, "handle_unknown": "ignore"},
    "SelectKBest": {"k": 3},
    "PLSRegression": {"n_components": 2},
    "PLSCanonical": {"n_components": 2},
    "CCA": {"n_components": 2},
    "LatentDirichletAllocation": {"n_components": 3, "max_iter": 2},
    "NMF": {"n_components": 3},
    "GaussianRandomProjection": {"n_components": 3},
    "SparseRandomProjection": {"n_components": 3},
    "GenericUnivariateSelect": {"mode": "k_best", "param": 3},
    "SelectPercentile": {"percentile": 50},
    "SelectFdr": {"alpha": 0.9},
    "SelectFpr": {"alpha": 0.9},
    "SelectFwe": {"alpha": 0.9},
    "LocalOutlierFactor": {"novelty": True},
    "NearestNeighbors": {"radius": None},
}


def models() -> Iterator[tuple[str, Any]]:
    """Names of subjects, and what makes each."""
    from skl2onnx._supported_operators import sklearn_operator_name_map

    classes = {kind.__name__: kind for kind in sklearn_operator_name_map if kind.__module__.startswith("sklearn")}
    for name in sorted(classes):
        yield f"sklearn.{name}", lambda kind=classes[name]: estimator(kind)
    for name in ("LogisticRegression", "RandomForestClassifier", "KNeighborsClassifier", "GaussianNB"):
        yield f"sklearn.{name}.labels", lambda kind=classes[name]: estimator(kind, zip_map=True, words=True)
    for kernel in ("linear", "poly", "sigmoid"):
        yield f"sklearn.SVC.{kernel}", lambda kernel=kernel: estimator(classes["SVC"], kernel=kernel)
    yield "sklearn.TfidfLogisticRegression", texts
    yield "sklearn.OneHotOfWords", one_hot_words
    yield "sklearn.GaussianProcessRegressor.rbf", gaussian
    for name in ("LGBMClassifier", "LGBMRegressor", "LGBMClassifier.binary", "LGBMRegressor.categories"):
        yield f"lightgbm.{name}", lambda name=name: light(name)
    for name in ("XGBClassifier", "XGBRegressor", "XGBClassifier.binary", "XGBRFRegressor", "XGBClassifier.dart"):
        yield f"xgboost.{name}", lambda name=name: boosted(name)


def table(name: str = "") -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Features, classes and numbers to learn."""
    random = numpy.random.default_rng(1)
    features = random.standard_normal((ROWS, COLUMNS)).astype(numpy.float32)
    if any(part in name for part in ("NB", "Chi", "NMF", "Latent", "Count", "Poisson", "Gamma", "Tweedie", "Power")):
        features = numpy.abs(features)
    if "Categorical" in name or name in ("OrdinalEncoder", "OneHotEncoder", "TargetEncoder"):
        features = random.integers(0, 3, (ROWS, COLUMNS)).astype(numpy.float32)
    score = features @ random.standard_normal(COLUMNS)
    classes = numpy.digitize(score, numpy.quantile(score, [1 / 3, 2 / 3]))
    return features, classes, numpy.abs(score).astype(numpy.float32) + 0.1


def sklearn_source() -> str:
    """The converter's name."""
    return f"skl2onnx {skl2onnx.__version__}, scikit-learn {sklearn.__version__}"


def made(kind: type, options: dict[str, Any]) -> Any:
    """An estimator that isn't fitted."""
    name = kind.__name__
    if name in WRAPPERS:
        names: dict[str, Any] = {}
        for module in ("linear_model", "tree", "preprocessing", "decomposition"):
            exec(f"from sklearn.{module} import *", names)  # noqa: S102
        return eval(f"kind({WRAPPERS[name]})", {**names, "kind": kind})  # noqa: S307
    held = {**OPTIONS.get(name, {}), **options}
    if "random_state" in kind().get_params() if name not in OPTIONS else True:
        try:
            return kind(**held, random_state=0)
        except TypeError:
            pass
    return kind(**held)


def estimator(kind: type, zip_map: bool = False, words: bool = False, **options: Any) -> Any:
    """One estimator, fitted on the table."""
    name = kind.__name__
    features, classes, numbers = table(name)
    model = made(kind, options)
    if name in ("CountVectorizer", "TfidfVectorizer", "FeatureHasher", "HashingVectorizer", "DictVectorizer"):
        return vectoriser(model)
    if name in ("LabelEncoder", "LabelBinarizer", "TfidfTransformer"):
        model.fit(classes if name != "TfidfTransformer" else numpy.abs(features))
        sample = classes[:12].astype(numpy.int64) if name != "TfidfTransformer" else numpy.abs(features[:12])
        kinds = skl2onnx.common.data_types.guess_data_type(sample)
        converted = skl2onnx.to_onnx(model, sample, target_opset=OPSETS) if name == "TfidfTransformer" else (
            skl2onnx.convert_sklearn(model, initial_types=[("X", kinds[0][1])], target_opset=OPSETS)
        )
        return sklearn_source(), converted, {"X": sample}
    wanted: Any = classes if is_classifier(model) or name in BY_CLASSES else numbers
    wanted = classes > 0 if name in BINARY else wanted
    if name.startswith("Multi") and ("Task" in name or "Output" in name) or name in ("CCA", "PLSCanonical"):
        wanted = numpy.stack([wanted, wanted[::-1]], axis=1)
    if words:
        wanted = numpy.array(["low", "middle", "high"])[wanted]
    if name in ("ClassifierChain",) or "MultiLabel" in name:
        wanted = numpy.stack([wanted % 2, wanted // 2], axis=1)
    model.fit(features, wanted)
    choices: dict[str, Any] = {}
    if is_classifier(model) and not is_outlier_detector(model):
        choices = {id(model): {"zipmap": zip_map}}
    sample = features[:12] if "Imputer" not in name else numpy.where(features[:12] > 1, numpy.nan, features[:12])
    kinds = [("X", FloatTensorType([None, COLUMNS]))]
    try:
        converted = skl2onnx.convert_sklearn(model, initial_types=kinds, options=choices, target_opset=OPSETS)
    except (NameError, ValueError) as error:
        if "zipmap" not in str(error):
            raise
        converted = skl2onnx.convert_sklearn(model, initial_types=kinds, target_opset=OPSETS)
    return sklearn_source(), converted, {"X": sample.astype(numpy.float32)}


SENTENCES = ("the cat sat on the mat", "a dog and a cat", "the end of the day", "dogs and cats play", "a day at sea")


def vectoriser(model: Any) -> Any:
    """What makes numbers of texts."""
    if type(model).__name__ in ("DictVectorizer", "FeatureHasher", "HashingVectorizer"):
        raise ValueError("it takes dictionaries, or is converted together with others only")
    model.fit(SENTENCES)
    kinds = [("X", StringTensorType([None, 1]))]
    converted = skl2onnx.convert_sklearn(model, initial_types=kinds, target_opset=OPSETS)
    return sklearn_source(), converted, {"X": numpy.array(SENTENCES)[:, None]}


def texts() -> Any:
    """Texts to numbers to classes."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression())
    model.fit(SENTENCES, [0, 1, 0, 1, 0])
    kinds = [("X", StringTensorType([None, 1]))]
    converted = skl2onnx.convert_sklearn(model, initial_types=kinds, target_opset=OPSETS)
    return sklearn_source(), converted, {"X": numpy.array(SENTENCES)[:, None]}


def one_hot_words() -> Any:
    """Words as places in a row, beside numbers."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    import pandas

    features, classes, _ = table()
    words = numpy.array(["red", "green", "blue"])[numpy.arange(ROWS) % 3]
    frame = pandas.DataFrame({"a": features[:, 0], "b": features[:, 1], "word": words})
    steps = [("n", StandardScaler(), ["a", "b"]), ("w", OneHotEncoder(handle_unknown="ignore"), ["word"])]
    model = make_pipeline(ColumnTransformer(steps), LogisticRegression())
    model.fit(frame, classes)
    kinds = [("a", FloatTensorType([None, 1])), ("b", FloatTensorType([None, 1])), ("word", StringTensorType([None, 1]))]
    converted = skl2onnx.convert_sklearn(model, initial_types=kinds, target_opset=OPSETS)
    inputs = {"a": features[:9, :1], "b": features[:9, 1:2], "word": words[:9, None]}
    return sklearn_source(), converted, inputs


def gaussian() -> Any:
    """A Gaussian process with a kernel of its own."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    features, _, numbers = table()
    model = GaussianProcessRegressor(ConstantKernel(2.0) * RBF(1.5), alpha=0.1, optimizer=None).fit(features, numbers)
    kinds = [("X", FloatTensorType([None, COLUMNS]))]
    converted = skl2onnx.convert_sklearn(model, initial_types=kinds, target_opset=OPSETS)
    return sklearn_source(), converted, {"X": features[:12]}


def light(name: str) -> Any:
    """Trees of LightGBM."""
    import lightgbm
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType as Floats

    features, classes, numbers = table()
    options: dict[str, Any] = {"n_estimators": 6, "min_child_samples": 3, "verbose": -1, "random_state": 0}
    if "categories" in name:
        features[:, 0] = numpy.arange(ROWS) % 5
        options["categorical_feature"] = [0]
    kind = getattr(lightgbm, name.split(".")[0])
    wanted = numbers if "Regressor" in name else (classes > 0).astype(int) if "binary" in name else classes
    model = kind(**options).fit(features, wanted)
    # The converter's newest opset is older than what it is asked for by default.
    converted = onnxmltools.convert_lightgbm(
        model, initial_types=[("X", Floats([None, COLUMNS]))], target_opset=15, zipmap="binary" in name
    )
    return f"onnxmltools {onnxmltools.__version__}, LightGBM {lightgbm.__version__}", converted, {"X": features[:12]}


def boosted(name: str) -> Any:
    """Trees of XGBoost."""
    import onnxmltools
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType as Floats

    features, classes, numbers = table()
    options: dict[str, Any] = {"n_estimators": 6, "max_depth": 4, "random_state": 0}
    options |= {"booster": "dart"} if "dart" in name else {}
    kind = getattr(xgboost, name.split(".")[0])
    wanted = numbers if "Regressor" in name else (classes > 0).astype(int) if "binary" in name else classes
    model = kind(**options).fit(features, wanted)
    converted = onnxmltools.convert_xgboost(model, initial_types=[("X", Floats([None, COLUMNS]))], target_opset=15)
    return f"onnxmltools {onnxmltools.__version__}, XGBoost {xgboost.__version__}", converted, {"X": features[:12]}
