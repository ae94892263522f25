package dev.hydra.libtorch.kernels;

import dev.hydra.libtorch.io.UserCache;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Keeps compiled kernels on disk, by what they were compiled from: source, options, chip, compiler.
 *
 * @param files where they are
 */
record CubinCache(UserCache files) {
  /**
   * Returns the machine code of a program, compiled if it is not there or damaged. That it cannot
   * be kept does not keep it from being used.
   *
   * @param key what {@link UserCache#key} made of all that decides about the result
   */
  byte[] get(String key, Supplier<byte[]> compiler) {
    String name = key + ".cubin";
    Optional<byte[]> known = files.read(name);
    if (known.isPresent()) {
      return known.get();
    }
    byte[] cubin = compiler.get();
    files.write(name, cubin);
    return cubin;
  }
}
