package dev.hydra.libtorch.safetensors;

import java.util.Comparator;
import java.util.List;

/**
 * The layout of tensors in a file. They must fill the bytes after the header without overlap or
 * hole, so that nothing hides in a file and no tensor reaches outside it.
 */
final class Layout {
  private Layout() {}

  /** Returns the bytes of a tensor, if a long can count them. */
  static long bytes(DType dtype, List<Long> shape) {
    long elements = 1;
    boolean empty = false;
    for (long size : shape) {
      empty |= size == 0;
      // Sizes beside a zero count too: LibTorch multiplies them for the strides.
      elements = Math.multiplyExact(elements, Math.max(size, 1));
    }
    long bytes = Math.multiplyExact(elements, dtype.bytes());
    return empty ? 0 : bytes;
  }

  /**
   * Checks the tensors of a file.
   *
   * @param available the bytes after the header
   */
  static void check(List<TensorInfo> tensors, long available) throws MalformedHeaderException {
    for (TensorInfo tensor : tensors) {
      checkSize(tensor, available);
    }
    List<TensorInfo> inOrder =
        tensors.stream()
            .sorted(Comparator.comparingLong(TensorInfo::begin).thenComparingLong(TensorInfo::end))
            .toList();
    long filled = 0;
    for (TensorInfo tensor : inOrder) {
      if (tensor.begin() < filled) {
        throw wrong(tensor, "its bytes overlap those of another tensor");
      }
      if (tensor.begin() > filled) {
        throw wrong(
            tensor, "%d bytes before it belong to no tensor".formatted(tensor.begin() - filled));
      }
      filled = tensor.end();
    }
    if (filled < available) {
      throw new MalformedHeaderException(
          "the last %d bytes of the file belong to no tensor".formatted(available - filled));
    }
  }

  private static void checkSize(TensorInfo tensor, long available) throws MalformedHeaderException {
    if (tensor.end() < tensor.begin()) {
      throw wrong(tensor, "it ends before it begins");
    }
    if (tensor.end() > available) {
      throw wrong(
          tensor,
          "it ends at byte %d after the header, but the file has only %d there"
              .formatted(tensor.end(), available));
    }
    long bytes;
    try {
      bytes = bytes(tensor.dtype(), tensor.shape());
    } catch (ArithmeticException e) {
      throw wrong(tensor, "its shape " + tensor.shape() + " is too large to count");
    }
    if (bytes != tensor.end() - tensor.begin()) {
      throw wrong(
          tensor,
          "%s%s takes %d bytes, but its data_offsets span %d"
              .formatted(tensor.dtype(), tensor.shape(), bytes, tensor.end() - tensor.begin()));
    }
  }

  private static MalformedHeaderException wrong(TensorInfo tensor, String problem) {
    return new MalformedHeaderException("tensor \"" + tensor.name() + "\": " + problem);
  }
}
