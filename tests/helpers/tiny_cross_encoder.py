"""Cross-encoder of random weights, written as a folder that sentence-transformers and vLLM read.

python tests/helpers/tiny_cross_encoder.py FOLDER
"""

import sys
from pathlib import Path
from typing import Any

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
POSITIONS = 128
"""The most tokens of a question and a text together."""


def write_cross_encoder(folder: Path, labels: int = 1) -> Path:
    """Write a BERT that gives so many numbers for a pair of texts, and return its folder.

    The weights are the same each time, and wide, so that pairs score differently. vLLM on a CPU
    wants heads of at least 32 numbers.
    """
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast
    from transformers.utils import logging

    words = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    pieces = BertWordPieceTokenizer({word: place for place, word in enumerate(words)})
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=pieces._tokenizer,
        model_max_length=POSITIONS,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **dict(zip(names, SPECIAL, strict=True)),
    )
    tokenizer.save_pretrained(folder)
    logging.disable_progress_bar()
    torch.manual_seed(7)
    config: Any = BertConfig(
        vocab_size=len(words),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=256,
        max_position_embeddings=POSITIONS,
        initializer_range=0.3,
    )
    config.num_labels = labels
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    write_cross_encoder(Path(sys.argv[1]))
