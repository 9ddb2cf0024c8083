/**
 * The claim of PDF/UA-1 in a file that pdfkit builds as PDF/A-3a: its subset option knows only one of the two. PDF/A
 * allows a foreign namespace in the metadata only with its schema beside it.
 */
const PDF_UA_CLAIM = `
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/" xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
 <pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
  <pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>
  <pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
  <pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
  <pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
   <pdfaProperty:name>part</pdfaProperty:name>
   <pdfaProperty:valueType>Integer</pdfaProperty:valueType>
   <pdfaProperty:category>internal</pdfaProperty:category>
   <pdfaProperty:description>Part of ISO 14289 that the file follows</pdfaProperty:description>
  </rdf:li></rdf:Seq></pdfaSchema:property>
 </rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/"><pdfuaid:part>1</pdfuaid:part></rdf:Description>`;

/** Adds the claim of PDF/UA-1 to the metadata of a document that is still being written. */
export function claimPdfUa(doc: PDFKit.PDFDocument): void {
  doc.appendXML(PDF_UA_CLAIM);
}

/**
 * Makes the metadata well-formed for any title: pdfkit 0.20.2 copies the info fields into the XML as they are, so an
 * ampersand would spoil the file. The Info dictionary keeps the plain text.
 */
export function escapeMetadata(doc: PDFKit.PDFDocument): void {
  const write = doc.endMetadata.bind(doc);
  doc.endMetadata = () => {
    const plain = doc.info;
    doc.info = Object.fromEntries(
      Object.entries(plain).map(([name, value]) => [name, typeof value === 'string' ? escapeXml(value) : value]),
    ) as PDFKit.DocumentInfo;
    write();
    doc.info = plain;
  };
}

/** The text with the five characters that mean something in XML written as entities. */
export function escapeXml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
