package dev.hydra.libtorch.nn;

import dev.hydra.api.Pass;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/** Finds where packed documents begin. */
public final class Documents {
  private Documents() {}

  /** Returns {@link #starts(Tensor)} of a forward's documents, made once for all who ask. */
  public static Optional<Tensor> starts(Pass pass) {
    return pass.documents().map(each -> pass.shared("document starts", () -> starts(each)));
  }

  /**
   * Returns the index of the first token of each token's document: the last change of number so
   * far. Computed on the device without waiting for it.
   *
   * @param documents int64 [batch, time]: the document of each token, never falling along time
   * @return int64 [batch, time]
   */
  public static Tensor starts(Tensor documents) {
    long time = documents.size(1);
    Tensor changes =
        Tensors.slice(documents, 1, 1, time).ne(Tensors.slice(documents, 1, 0, time - 1));
    Tensor begins = Tensors.range(1, time, documents).mul(changes);
    return Tensors.pad(begins, 1, 1, 0).cummax(1).get0();
  }
}
