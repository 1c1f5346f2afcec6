"""Pure functions of tensors and numbers. They import nothing of realmix.

Shapes: B examples, K classes. `logits` are unnormalized, `probs` sum to one in the last dimension,
`label` is int64, `target` is a distribution that carries no gradient. Randomness comes only from a
`torch.Generator` passed in.
"""
