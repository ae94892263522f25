package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Packed documents laid out so that each begins at a chunk of its own: for components that count
 * chunks from the start of a document. A row of the batch gets as many chunks as the fullest row
 * needs; what no token fills (the rest of a document's last chunk, the rest of a row) is zero.
 *
 * @param chunk tokens per chunk
 * @param places int64 [batch * time]: where each token goes among {@code batch * chunks * chunk}
 * @param first bool [batch, chunks]: whether a document begins with this chunk
 */
public record DocumentChunks(int chunk, Tensor places, Tensor first) {
  /**
   * Lays documents out. The number of chunks depends on where documents begin, so on a GPU this
   * waits for it.
   *
   * @param documents int64 [batch, time]: the document of each token, never falling along time
   * @param chunk tokens per chunk
   */
  public static DocumentChunks of(Tensor documents, int chunk) {
    long batch = documents.size(0);
    long time = documents.size(1);
    Tensor position = Tensors.range(0, time, documents).sub(Documents.starts(documents));
    try (Scalar size = new Scalar(chunk);
        Scalar zero = new Scalar(0L);
        Scalar one = new Scalar(1L)) {
      Tensor offset = position.remainder(size);
      Tensor number = offset.eq(zero).cumsum(1).sub(one);
      long chunks = Tensors.integer(number.max()) + 1;
      Tensor row = Tensors.mul(Tensors.range(0, batch, documents), chunks).unsqueeze(1);
      Tensor places = Tensors.mul(number.add(row), chunk).add(offset).flatten();
      Tensor first =
          Tensors.zeros(documents, ScalarType.Bool, batch * chunks * chunk)
              .index_copy(0, places, position.eq(zero).flatten())
              .view(batch, chunks, chunk)
              .select(2, 0);
      return new DocumentChunks(chunk, places, first);
    }
  }

  /** Aligns documents with chunks: [batch, time, width] to [batch, chunks * chunk, width]. */
  public Tensor align(Tensor x) {
    long batch = x.size(0);
    long length = first.size(1) * chunk;
    return Tensors.zeros(x, batch * length, x.size(2))
        .index_copy(0, places, x.flatten(0, 1))
        .view(batch, length, x.size(2));
  }

  /** Inverts {@link #align}: [batch, chunks * chunk, width] to [batch, time, width]. */
  public Tensor restore(Tensor aligned) {
    long batch = aligned.size(0);
    return aligned.flatten(0, 1).index_select(0, places).view(batch, -1, aligned.size(2));
  }
}
