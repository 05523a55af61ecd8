"""Turn a GGUF file into a Hugging Face folder: `python gguf_to_folder.py FILE FOLDER`.

vLLM serves folders; transformers reads a GGUF file, and its tokenizer, into one.
"""

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

source, target = Path(sys.argv[1]), Path(sys.argv[2])
arriving = target.with_name(f"{target.name}.arriving")
tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
model = AutoModelForCausalLM.from_pretrained(
    source.parent,
    gguf_file=source.name,
    quantization_config=GgufConfig(dequantize=True),
    dtype=torch.bfloat16,
)
tokenizer.save_pretrained(arriving)
model.save_pretrained(arriving)
arriving.rename(target)
