package dev.hydra.router.topk;

import dev.hydra.api.Pass;
import dev.hydra.libtorch.Tensors;
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
      return new Positions(index, index.sub(documentStart(index, pass.documents().get())));
    }
    long before = pass.cache().isPresent() ? pass.cache().get().position() : 0;
    return new Positions(index, Tensors.range(before, before + time, x).unsqueeze(0));
  }

  /** The index of the first token of each token's document: the last change of number so far. */
  private static Tensor documentStart(Tensor index, Tensor documents) {
    long time = documents.size(1);
    Tensor changes =
        Tensors.slice(documents, 1, 1, time).ne(Tensors.slice(documents, 1, 0, time - 1));
    Tensor starts = changes.mul(Tensors.slice(index, 1, 1, time));
    return Tensors.pad(starts, 1, 1, 0).cummax(1).get0();
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
