// Which pictures can stand side by side. A picture is {title, model, look}: model null shows the image
// without a mask; look is the model whose translator redraws the image, null for the image as it is.

const IMAGE = { title: "Image", model: null, look: null };
const of = (model, look = null) => ({ title: look ? `Translated, model «${model}»` : `Model «${model}»`, model, look });

/** [{words, pictures}] to choose from, when the model `first` (a name) is looked at; models: as the server lists them. */
export function comparisons(first, models) {
  const others = models.map(({ name }) => name).filter((name) => name !== first);
  const plain = models.find(({ name }) => name === first).adapts ?? first;
  const twin = models.find(({ adapts }) => adapts === plain)?.name;
  return [
    { words: "nothing", pictures: [of(first)] },
    { words: "the image alone", pictures: [IMAGE, of(first)] },
    ...(twin ? [{ words: "the translated image", pictures: [of(plain), of(twin, twin)] }] : []),
    ...others.map((other) => ({ words: `model «${other}»`, pictures: [of(first), of(other)] })),
    ...others.map((other) => ({ words: `image and model «${other}»`, pictures: [IMAGE, of(first), of(other)] })),
  ];
}
