NAME = "rwkv7"
