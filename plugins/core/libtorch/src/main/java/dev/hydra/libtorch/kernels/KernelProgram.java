package dev.hydra.libtorch.kernels;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.bytedeco.cuda.cudart.CUfunc_st;
import org.bytedeco.cuda.cudart.CUmod_st;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.javacpp.SizeTPointer;

/**
 * A program that is compiled and loaded on a device. It stays there as long as the process, found
 * by its content: twins of a plugin, one swapped for the other all the time, share it, so that the
 * memory of the device does not grow.
 */
final class KernelProgram {
  private static final Map<Key, KernelProgram> LOADED = new ConcurrentHashMap<>();

  /** What could not be compiled or loaded, so that it is not tried at every swap. */
  private static final Map<Key, KernelException> FAILED = new ConcurrentHashMap<>();

  /** Programs whose failure has been said: with other macros it is the same again. */
  private static final Set<String> SAID = ConcurrentHashMap.newKeySet();

  private static final List<CompiledKernel> COMPILED = new CopyOnWriteArrayList<>();

  private static final System.Logger LOG = System.getLogger(KernelProgram.class.getName());

  private record Key(int device, String content) {}

  /** Machine code that is not loaded yet; none if the program is loaded already. */
  private record Build(Key key, String name, Optional<byte[]> cubin) {}

  private final Gpu gpu;
  private final String program;
  private final CUmod_st module;

  private KernelProgram(Gpu gpu, String program, CUmod_st module) {
    this.gpu = gpu;
    this.program = program;
    this.module = module;
    module.retainReference(); // it stays, whatever scope is open
  }

  /**
   * Gives programs, those that are not known yet compiled side by side.
   *
   * @throws KernelException if one cannot be compiled or loaded
   */
  static List<KernelProgram> load(
      Gpu gpu, List<KernelSource> sources, Map<String, Integer> macros) {
    CubinCache cache = CubinCache.ofUser();
    List<Build> builds =
        sources.parallelStream().map(source -> build(gpu, source, macros, cache)).toList();
    List<KernelProgram> programs = new ArrayList<>();
    for (Build build : builds) {
      programs.add(LOADED.computeIfAbsent(build.key, key -> load(gpu, build)));
    }
    return programs;
  }

  private static Build build(
      Gpu gpu, KernelSource source, Map<String, Integer> macros, CubinCache cache) {
    List<String> options = source.options(gpu, macros);
    List<String> parts = new ArrayList<>(options);
    parts.add(source.text());
    parts.add(Nvrtc.version());
    Key key = new Key(gpu.index(), CubinCache.key(parts));
    KernelException failed = FAILED.get(key);
    if (failed != null) {
      throw failed;
    }
    if (LOADED.containsKey(key)) {
      return new Build(key, source.name(), Optional.empty());
    }
    try {
      boolean[] compiled = {false};
      long begin = System.nanoTime();
      byte[] cubin =
          cache.get(
              key.content,
              () -> {
                compiled[0] = true;
                return Nvrtc.compile(source.name(), source.text(), options);
              });
      double seconds = (System.nanoTime() - begin) / 1e9;
      COMPILED.add(new CompiledKernel(source.name(), Map.copyOf(macros), !compiled[0], seconds));
      return new Build(key, source.name(), Optional.of(cubin));
    } catch (KernelException e) {
      throw remembered(key, e);
    }
  }

  /** Lists what has been compiled or found. */
  static List<CompiledKernel> compiled() {
    return List.copyOf(COMPILED);
  }

  /** Compiles a program without macros, whether or not it is known, and keeps it nowhere. */
  static KernelProgram compiledAnew(Gpu gpu, KernelSource source) {
    List<String> options = source.options(gpu, Map.of());
    return of(gpu, source.name(), Nvrtc.compile(source.name(), source.text(), options));
  }

  private static KernelProgram load(Gpu gpu, Build build) {
    try {
      return of(gpu, build.name, build.cubin.orElseThrow());
    } catch (KernelException e) {
      throw remembered(build.key, e);
    }
  }

  private static KernelProgram of(Gpu gpu, String name, byte[] cubin) {
    try (PointerScope scope = new PointerScope()) {
      BytePointer image = new BytePointer(cubin);
      CUmod_st module = new CUmod_st();
      Driver.check(
          gpu.run(() -> cudart.cuModuleLoadData(module, image)), name, "it cannot be loaded");
      return new KernelProgram(gpu, name, module);
    }
  }

  private static KernelException remembered(Key key, KernelException failure) {
    KernelException known = FAILED.putIfAbsent(key, failure);
    if (known != null) {
      return known;
    }
    if (SAID.add(failure.about())) {
      LOG.log(System.Logger.Level.ERROR, failure.getMessage());
    }
    return failure;
  }

  /** Gives one of its kernels, declared {@code extern "C"}; nothing if it has none of that name. */
  Optional<Kernel> kernel(String name) {
    CUfunc_st function = new CUfunc_st();
    int result = gpu.run(() -> cudart.cuModuleGetFunction(function, module, name));
    if (result == cudart.CUDA_ERROR_NOT_FOUND) {
      return Optional.empty();
    }
    Driver.check(result, name, "it cannot be found");
    int sharedBytes = constant(name + "_bytes");
    return Optional.of(
        new Kernel(gpu, program, name, function, sharedBytes, constant(name + "_waits") != 0));
  }

  /** An integer constant of the program, 0 if there is none of that name. */
  private int constant(String name) {
    try (PointerScope scope = new PointerScope()) {
      LongPointer address = new LongPointer(1);
      SizeTPointer size = new SizeTPointer(1);
      IntPointer value = new IntPointer(1);
      int found = gpu.run(() -> cudart.cuModuleGetGlobal(address, size, module, name));
      if (found == cudart.CUDA_ERROR_NOT_FOUND) {
        return 0;
      }
      Driver.check(found, name, "it cannot be looked up");
      Driver.check(
          gpu.run(() -> cudart.cuMemcpyDtoH(value, address.get(), Integer.BYTES)),
          name,
          "it cannot be read");
      return value.get();
    }
  }
}
