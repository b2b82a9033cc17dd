"""The whole configuration of an experiment."""

from __future__ import annotations

from typing import ClassVar, cast

from pydantic import SerializeAsAny, model_validator

from asr.config.augmentation import Augmentation
from asr.config.base import Params
from asr.config.decoders import (
    DECODERS,
    LOSSES,
    CTCLossParams,
    JointCTCAttentionDecoderParams,
    TransformerDecoderParams,
)
from asr.config.decoders import MultiTaskCTCEntropyLossParams as MultiTaskParams
from asr.config.decoding import DecodingOptions
from asr.config.encoders import ENCODERS, ConformerEncoderParams, EncoderParams
from asr.config.features import FEATURES, FbankParams
from asr.config.tokenizer import TOKENIZERS, BpeTokenizerParams, TokenizerParams
from asr.config.training import (
    OPTIMIZERS,
    SCHEDULERS,
    AdamWParams,
    TrainingParams,
    WarmupNoamParams,
)
from asr.config.tuning import TuningOptions


class ExperimentConfig(Params):
    """Everything that decides what is trained and how.

    Each pluggable part is a pair of keys: `<part>` names a class, `<part>_params` holds that
    class's own typed parameters.
    """

    pairs: ClassVar[dict[str, dict[str, type[Params]]]] = {
        "features": FEATURES,
        "tokenizer": TOKENIZERS,
        "encoder": ENCODERS,
        "decoder": DECODERS,
        "loss": LOSSES,
        "optimizer": OPTIMIZERS,
        "scheduler": SCHEDULERS,
    }

    features: str = "Fbank"
    features_params: SerializeAsAny[FbankParams] = FbankParams()
    tokenizer: str = "BpeTokenizer"
    tokenizer_params: SerializeAsAny[TokenizerParams] = BpeTokenizerParams()
    augmentation: Augmentation = Augmentation()
    encoder: str = "ConformerEncoder"
    encoder_params: SerializeAsAny[EncoderParams] = ConformerEncoderParams()
    decoder: str = "JointCTCAttentionDecoder"
    decoder_params: SerializeAsAny[Params] = JointCTCAttentionDecoderParams()
    loss: str = "MultiTaskCTCEntropyLoss"
    loss_params: SerializeAsAny[CTCLossParams] = MultiTaskParams()
    optimizer: str = "AdamW"
    optimizer_params: SerializeAsAny[AdamWParams] = AdamWParams()
    scheduler: str = "WarmupNoam"
    scheduler_params: SerializeAsAny[Params] = WarmupNoamParams()
    training: TrainingParams = TrainingParams()
    decoding: DecodingOptions = DecodingOptions()
    tuning: TuningOptions = TuningOptions()

    @model_validator(mode="after")
    def _parts_fit(self) -> ExperimentConfig:
        joint = isinstance(self.decoder_params, JointCTCAttentionDecoderParams)
        multi_task = isinstance(self.loss_params, MultiTaskParams)
        if joint != multi_task:
            raise ValueError(
                f"loss {self.loss} does not fit decoder {self.decoder}: JointCTCAttentionDecoder "
                "goes with MultiTaskCTCEntropyLoss, CTCDecoder with CTCLoss or LfMmiLoss"
            )
        if joint:
            decoder = cast(JointCTCAttentionDecoderParams, self.decoder_params)
            heads = cast(TransformerDecoderParams, decoder.attn_decoder_params).num_heads
            if self.encoder_params.hidden_size % heads:
                raise ValueError(
                    f"the decoder's num_heads {heads} must divide the encoder's hidden_size"
                )
        if self.training.feature_cache_gb and self.augmentation.changes_samples:
            raise ValueError(
                "training.feature_cache_gb keeps features, but this augmentation changes the "
                "samples they come from each time: leave one of the two out"
            )
        return self
