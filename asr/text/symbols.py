"""The special tokens, the same in every vocabulary."""

BLANK_ID = 0
SOS_EOS_ID = 1
UNK_ID = 2
SPECIAL_TOKENS = ["<blk>", "<sos/eos>", "<unk>"]
