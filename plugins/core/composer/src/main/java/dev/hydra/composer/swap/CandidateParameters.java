package dev.hydra.composer.swap;

import dev.hydra.api.ParameterSpec;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.ParameterSource;
import dev.hydra.composer.model.ParameterStore;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.bytedeco.pytorch.Tensor;

/**
 * Lends a candidate the parameters of the running model, and makes those that the model lacks.
 * Closing frees what it made.
 */
final class CandidateParameters implements ParameterSource, AutoCloseable {
  /** An upper bound: master, working copy, both gradients and two moments. */
  private static final int BYTES_PER_ELEMENT = 20;

  private final ParameterStore store;
  private final Map<String, Parameter> known;
  private final Set<String> migrated;
  private final Set<String> usedElsewhere;
  private final BooleanSupplier givenUp;
  private final Map<String, Parameter> asked = new LinkedHashMap<>();
  private final Map<String, Parameter> made = new LinkedHashMap<>();
  private long room;
  private boolean complete;

  /**
   * Creates the source for one request.
   *
   * @param migrated full names that a migration gives values for
   * @param usedElsewhere full names of shared parameters that other sites use too
   * @param room the bytes that may be taken
   * @param givenUp whether nobody waits for the candidate any more
   */
  CandidateParameters(
      ParameterStore store,
      Set<String> migrated,
      Set<String> usedElsewhere,
      long room,
      BooleanSupplier givenUp) {
    this.store = store;
    this.known = store.byName();
    this.migrated = migrated;
    this.usedElsewhere = usedElsewhere;
    this.givenUp = givenUp;
    this.room = room;
  }

  @Override
  public Tensor borrow(String name, ParameterSpec spec) {
    checkWanted();
    Parameter parameter = asked.get(name);
    if (parameter == null && complete) {
      throw new SwapRefusedException(
          "the component asks for parameter " + name + " the second time it is created only");
    }
    if (parameter == null) {
      parameter = find(name, spec);
      asked.put(name, parameter);
    }
    return parameter.of(spec.shape()).working();
  }

  /** Lends from now on only what has been asked for. */
  void complete() {
    complete = true;
  }

  /**
   * Checks that the candidate is still wanted; to be called before the run's parameters are
   * touched.
   *
   * @throws SwapRefusedException if the request has been given up: the run may be over by now
   */
  void checkWanted() {
    if (givenUp.getAsBoolean()) {
      throw new SwapRefusedException("the request has been given up");
    }
  }

  private Parameter find(String name, ParameterSpec spec) {
    Parameter old = known.get(name);
    if (old != null && old.fits(spec) && !migrated.contains(name)) {
      return old.as(spec);
    }
    if (old != null && usedElsewhere.contains(name)) {
      throw new SwapRefusedException(
          "parameter "
              + name
              + " is shared with other sites and cannot become "
              + spec.shape()
              + " here");
    }
    reserve(name, spec);
    Parameter parameter = store.create(name, spec);
    made.put(name, parameter);
    return parameter;
  }

  private void reserve(String name, ParameterSpec spec) {
    long elements;
    try {
      elements = spec.elements();
    } catch (ArithmeticException e) {
      elements = Long.MAX_VALUE;
    }
    if (elements > room / BYTES_PER_ELEMENT) {
      throw new SwapRefusedException(
          "there is no memory for parameter "
              + name
              + " "
              + spec.shape()
              + ": it takes up to "
              + BYTES_PER_ELEMENT
              + " bytes an element in training, and "
              + room
              + " bytes are left");
    }
    room -= elements * BYTES_PER_ELEMENT;
  }

  /** Returns all that the candidate asked for, in order. */
  Map<String, Parameter> asked() {
    return Collections.unmodifiableMap(asked);
  }

  /** Returns those of them that the model lacks. */
  Map<String, Parameter> made() {
    return Collections.unmodifiableMap(made);
  }

  @Override
  public void close() {
    made.values().forEach(Parameter::close);
    made.clear();
  }
}
