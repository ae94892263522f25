package dev.hydra.router.topk;

import dev.hydra.api.Pass;
import dev.hydra.libtorch.nn.Documents;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * Where the tokens of a forward stand, computed on the device without waiting for it.
 *
 * @param index int64 [1, time]: 0, 1, 2, ...
 * @param inDocument int64 [1 or batch, time]: the number of tokens before, in the same document
 */
record Positions(Tensor index, Tensor inDocument) {
  static Positions of(Tensor x, Pass pass) {
    long time = x.size(1);
    Tensor index = Tensors.range(0, time, x).unsqueeze(0);
    if (pass.documents().isPresent()) {
      return new Positions(index, index.sub(Documents.starts(pass.documents().get())));
    }
    long before = pass.cache().isPresent() ? pass.cache().get().position() : 0;
    return new Positions(index, Tensors.range(before, before + time, x).unsqueeze(0));
  }

  /** The index of the first token of each token's document, if that is in this forward. */
  Tensor documentStart() {
    return index.sub(inDocument);
  }

  /** The index of the first token of each token's chunk, negative if in an earlier forward. */
  Tensor chunkStart(int chunk) {
    try (Scalar size = new Scalar(chunk)) {
      return index.sub(inDocument.remainder(size));
    }
  }
}
