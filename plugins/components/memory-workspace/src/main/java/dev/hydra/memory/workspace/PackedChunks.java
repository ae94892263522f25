package dev.hydra.memory.workspace;

import dev.hydra.libtorch.nn.Documents;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The chunks of packed documents, counted from the start of each document, that somebody reads:
 * those that are complete and have a token of their document after them. A row of {@code time}
 * tokens has at most {@code (time - 1) / chunk} of them wherever its documents begin; so many are
 * laid out, and where there are fewer, the rest is computed and read by nobody. No size depends on
 * what is packed: nothing waits for a device, and a CUDA graph can hold it.
 *
 * @param written int64 [batch * chunks * chunk]: the tokens of the chunks, among all tokens
 * @param first bool [batch, chunks]: which of them are the first of their document
 * @param readers int64 [batch * chunks * chunk]: the tokens of the chunk after each, among all
 * @param places int64 [batch * time]: where among the readers each token stands, if it is there
 * @param unwritten bool [batch, time, 1]: the tokens of the first chunk of each document, which
 *     read what nobody has written
 */
record PackedChunks(Tensor written, Tensor first, Tensor readers, Tensor places, Tensor unwritten) {
  /**
   * Lays documents out.
   *
   * @param documents int64 [batch, time]: the document of each token, never falling along time
   * @param chunk tokens per chunk; fewer than time, else there is nothing to lay out
   */
  static PackedChunks of(Tensor documents, int chunk) {
    long batch = documents.size(0);
    long time = documents.size(1);
    long chunks = (time - 1) / chunk;
    Tensor token = Tensors.range(0, time, documents);
    Tensor position = token.sub(Documents.starts(documents));
    try (Scalar size = new Scalar(chunk);
        Scalar zero = new Scalar(0L);
        Scalar last = new Scalar(time - 1);
        Scalar laidOut = new Scalar(chunks * chunk);
        Scalar length = new Scalar(time)) {
      Tensor offset = position.remainder(size);
      Tensor unwritten = position.lt(size);
      // Where a chunk begins that is not its document's first, the one before it is read.
      Tensor begins = offset.eq(zero).mul(position.ge(size));
      Tensor number = begins.cumsum(1);
      // The beginnings by number; tokens that are none meet in column 0, which is cut off.
      Tensor nowhere = Tensors.zeros(position, ScalarType.Long, batch, chunks + 1).add(size);
      Tensor beginnings =
          nowhere.scatter(1, number.mul(begins), token.expand(batch, -1)).narrow(1, 1, chunks);
      Tensor within = beginnings.unsqueeze(-1).add(Tensors.range(0, chunk, position));
      Tensor row = Tensors.range(0, batch, position).view(-1, 1);
      Tensor start = row.mul(length).unsqueeze(-1);
      Tensor place = number.mul(size).sub(size).add(offset);
      // Tokens that are not there are spread: their gradients, zeros, are summed where they are.
      Tensor anywhere = token.remainder(laidOut);
      return new PackedChunks(
          within.sub(size).add(start).flatten(),
          position.gather(1, beginnings).eq(size),
          within.clamp_max(last).add(start).flatten(),
          torch.where(unwritten, anywhere, place).add(row.mul(laidOut)).flatten(),
          unwritten.unsqueeze(-1));
    }
  }

  /** [batch, time, width] to the tokens of the chunks [batch, chunks * chunk, width]. */
  Tensor written(Tensor x) {
    return rows(x, written).view(x.size(0), -1, x.size(2));
  }

  /** [batch, time, width] to the tokens after each of the chunks [batch, chunks * chunk, width]. */
  Tensor readers(Tensor x) {
    return rows(x, readers).view(x.size(0), -1, x.size(2));
  }

  /**
   * Returns to each token what it read.
   *
   * @param unwritten what all tokens read of the slots that nobody wrote [batch, time, dim]
   * @param written what the readers read [batch, chunks * chunk, dim]
   */
  Tensor merge(Tensor unwritten, Tensor written) {
    return torch.where(this.unwritten, unwritten, rows(written, places).view_as(unwritten));
  }

  private static Tensor rows(Tensor x, Tensor which) {
    return x.flatten(0, 1).index_select(0, which);
  }
}
