package dev.hydra.composer;

import dev.hydra.libtorch.Grad;
import dev.hydra.libtorch.Scopes;
import dev.hydra.libtorch.Tensors;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToLongFunction;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The decoding state of a model: what every site remembers of the tokens so far. Begin with a new
 * one, hand it to forward after forward, close it at the end.
 */
public final class ModelState implements AutoCloseable {
  private final Map<String, SiteState> sites = new TreeMap<>();
  private long position;

  /** The number of tokens seen. */
  public long position() {
    return position;
  }

  /**
   * A state that continues where another was; owns its tensors.
   *
   * @param position the number of tokens seen
   * @param tensors as {@link #export()} names them, on the device where they are to be used; copied
   */
  public static ModelState of(long position, Map<String, Tensor> tensors) {
    ModelState state = new ModelState();
    state.position = position;
    tensors.forEach(
        (name, tensor) -> {
          int slash = name.lastIndexOf('/');
          if (slash < 0) {
            throw new IllegalArgumentException(name + " is not SITE/NAME");
          }
          Scopes.run(
              () ->
                  state
                      .site(name.substring(0, slash))
                      .put(name.substring(slash + 1), tensor.clone()));
        });
    return state;
  }

  /** The tensors by {@code SITE/NAME}: the live ones, which the next forward frees. */
  public Map<String, Tensor> export() {
    Map<String, Tensor> all = new TreeMap<>();
    sites.forEach(
        (path, site) ->
            site.tensors().forEach((name, tensor) -> all.put(path + "/" + name, tensor)));
    return all;
  }

  SiteState site(String path) {
    return sites.computeIfAbsent(path, key -> new SiteState(this::position, begin(key)));
  }

  /** Where the text begins for a new site: where it does for the one above. */
  private long begin(String path) {
    for (int dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
      SiteState above = sites.get(path.substring(0, dot));
      if (above != null) {
        return above.begin();
      }
    }
    return 0;
  }

  /** Whether the state of a site is such as a component would have left after as many tokens. */
  boolean fits(ComponentSite component, Precision precision) {
    Map<String, Tensor> have = below(component.path());
    long tokens =
        sites.containsKey(component.path()) ? site(component.path()).position() : position;
    if (tokens == 0) {
      return true;
    }
    long batch = have.values().stream().findFirst().map(tensor -> tensor.size(0)).orElse(1L);
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off();
        ModelState other = new ModelState();
        Forward forward = Forward.evaluation().with(other)) {
      TensorOptions options = new TensorOptions(precision.device());
      forward.about(torch.zeros(new long[] {batch, tokens}, options).to(ScalarType.Long));
      Tensor x = torch.zeros(new long[] {batch, tokens, component.width()}, options);
      component.run(x.to(precision.compute()), forward);
      return shapes(have).equals(shapes(other.below(component.path())));
    }
  }

  private static Map<String, String> shapes(Map<String, Tensor> tensors) {
    Map<String, String> shapes = new TreeMap<>();
    tensors.forEach(
        (name, tensor) ->
            shapes.put(name, Tensors.type(tensor) + Arrays.toString(Tensors.sizes(tensor))));
    return shapes;
  }

  private Map<String, Tensor> below(String path) {
    Map<String, Tensor> below = new TreeMap<>(export());
    below.keySet().removeIf(name -> !isBelow(path, name.substring(0, name.lastIndexOf('/'))));
    return below;
  }

  /** Forgets what a site and those below it remember: for them, the text begins anew. */
  void forget(String path) {
    site(path).forget();
    sites.forEach(
        (name, site) -> {
          if (isBelow(path, name)) {
            site.forget();
          }
        });
  }

  private static boolean isBelow(String path, String site) {
    return (site + ".").startsWith(path + ".");
  }

  void advance(long tokens) {
    position += tokens;
  }

  /** The bytes that the state holds. */
  public long bytes() {
    return sum(Tensor::nbytes);
  }

  /** The elements that the state holds, of whatever type. */
  public long elements() {
    return sum(Tensor::numel);
  }

  private long sum(ToLongFunction<Tensor> size) {
    return export().values().stream().mapToLong(size).sum();
  }

  @Override
  public void close() {
    sites.values().forEach(SiteState::close);
    sites.clear();
    position = 0;
  }
}
