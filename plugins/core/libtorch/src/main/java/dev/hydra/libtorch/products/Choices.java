package dev.hydra.libtorch.products;

import dev.hydra.libtorch.io.UserCache;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Keeps on disk which algorithm was found to be the fastest for a product, by all that decides
 * about it: its shape, the device, the version of cuBLAS.
 *
 * @param files where
 * @param platform names device and version
 */
record Choices(UserCache files, String platform) {
  /** The algorithm that was chosen; none where LibTorch's own call is as fast. */
  record Choice(Optional<Algorithm> algorithm) {
    static final Choice LIBTORCH = new Choice(Optional.empty());
  }

  private static final byte[] LIBTORCH = "libtorch".getBytes(StandardCharsets.US_ASCII);

  /** Reads what was chosen; nothing if that was not yet, or what is there is damaged. */
  Optional<Choice> read(ProductShape shape) {
    return files
        .read(name(shape))
        .flatMap(
            content ->
                Arrays.equals(content, LIBTORCH)
                    ? Optional.of(Choice.LIBTORCH)
                    : Algorithm.parse(content)
                        .map(algorithm -> new Choice(Optional.of(algorithm))));
  }

  /** Keeps what was chosen. */
  void write(ProductShape shape, Choice choice) {
    files.write(name(shape), choice.algorithm().map(Algorithm::text).orElse(LIBTORCH));
  }

  private String name(ProductShape shape) {
    return UserCache.key(List.of(platform, shape.toString())) + ".product";
  }
}
